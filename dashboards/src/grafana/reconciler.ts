import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import { DashboardBuilder, RowBuilder, type Dashboard, type Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { reconcilerJob } from '../promql/vocabulary.ts'
import { deliveryPanels, glance } from './deliveries.ts'
import { loopPanels, registryPanels } from './loop.ts'
import { processPanels } from './process.ts'
import { releaseTimeline, rolloutMarks } from './releases.ts'
import { datasourceVariable, labelVariable } from './variables.ts'

const pods = reconcilerJob
const deliveries = 'delivery_namespace=~"$namespace", delivery=~"$delivery"'

export function reconcilerDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Windlass')
    .uid('windlass-reconciler')
    .description('How it stands with the Deliveries of a cluster, and with the reconciler itself.')
    .tags(['windlass'])
    .readonly()
    .timezone('browser')
    .refresh('30s')
    .time({ from: 'now-6h', to: 'now' })
    .withVariable(datasourceVariable())
    .withVariable(labelVariable('namespace', 'Namespace', 'label_values(windlass_delivery_info, delivery_namespace)'))
    .withVariable(
      labelVariable(
        'delivery',
        'Delivery',
        'label_values(windlass_delivery_info{delivery_namespace=~"$namespace"}, delivery)',
      ),
    )
  for (const mark of rolloutMarks(deliveries)) dashboard.annotation(mark)
  const rows: ReadonlyArray<readonly [title: string, panels: readonly Builder<Panel>[]]> = [
    ['At a glance', glance(deliveries)],
    ['Releases', [releaseTimeline(deliveries)]],
    ['Deliveries', deliveryPanels(deliveries)],
    ['Registry', registryPanels(deliveries)],
    ['The loop', loopPanels()],
    ['The process', processPanels(pods)],
  ]
  for (const [title, panels] of rows) {
    dashboard.withRow(new RowBuilder(title))
    for (const panel of panels) dashboard.withPanel(panel)
  }
  return dashboard.build()
}
