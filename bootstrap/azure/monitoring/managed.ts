import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { askJson } from '../../calls/call.ts'
import { readInOrder } from '../../local/manifest-files.ts'
import { checkout } from '../../local/checkout.ts'
import type { Manifest } from '../../local/install.ts'
import { az, type AzureContext } from '../context.ts'
import { applying, calling, done, toDo } from '../step.ts'
import { isApplied } from '../steps/applied.ts'
import type { Monitoring } from '../steps/monitoring.ts'

const folder = join(checkout, 'dashboards', 'azure')
const template = join(folder, 'prometheus-rule-groups.json')

/** Azure Monitor's managed Prometheus: its own kinds of monitors, and rule groups as resources of Azure. */
export const managedPrometheus: Monitoring = {
  find: async (context) => {
    const missing = await missingGroups(context)
    if (missing.length > 0) return toDo(`missing rule groups: ${missing.join(', ')}`)
    return (await isApplied(context, await monitors()))
      ? done('monitors and rule groups of managed Prometheus')
      : toDo('monitors are missing')
  },
  actions: async (context) => {
    const { names, ids } = context.environment
    return [
      applying(await monitors()),
      calling(
        az(context, 'deployment group create', {
          name: 'windlass-rules',
          'resource-group': names.platformGroup,
          'template-file': template,
          parameters: [`workspaceId=${ids.metrics}`, `clusterName=${names.cluster}`],
        }),
      ),
    ]
  },
}

/** The Namespaces come first: what is watched may be installed later. */
async function monitors(): Promise<readonly Manifest[]> {
  const files = ['servicemonitor-windlass.yaml', 'podmonitor-predictor.yaml']
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  const namespaces = [
    ...(await readInOrder(join(checkout, 'manifests', 'reconciler'))),
    ...(await readInOrder(join(checkout, 'manifests', 'predictor', 'operator'))),
  ].filter(({ kind }) => kind === 'Namespace')
  return [...namespaces, ...texts.map((text) => parse(text) as Manifest)]
}

async function missingGroups(context: AzureContext): Promise<readonly string[]> {
  const { resources } = JSON.parse(await readFile(template, 'utf8')) as { resources: readonly { name: string }[] }
  const call = az(context, 'resource list', {
    'resource-group': context.environment.names.platformGroup,
    'resource-type': 'Microsoft.AlertsManagement/prometheusRuleGroups',
  })
  const there = new Set((await askJson<readonly { name: string }[]>(context.run, call)).map(({ name }) => name))
  return resources.map(({ name }) => name).filter((name) => !there.has(name))
}
