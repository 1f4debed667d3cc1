import { installReconciler } from '../../local/platform.ts'
import { deployPredictorTenant } from '../../local/predictor.ts'
import { clusterOf, type DemoContext, platformOf, reconcilerOf, worldOf } from '../context.ts'
import { reconcilerNamespace, reconcilerSelector } from '../names.ts'
import { eventually } from '../eventually.ts'
import { notOk, ok, type Step } from '../step.ts'
import { isReady, livePods, runningDigest } from '../world.ts'

const replicas = 2

export const reconcilerReady: Step<DemoContext> = {
  name: 'reconciler-ready',
  title: 'The reconciler, two replicas, one of them leading',
  act: async (context, report) => {
    const bounds = { signal: context.signal, onStep: report }
    context.reconciler = await installReconciler(platformOf(context), bounds)
    await deployPredictorTenant({ cluster: clusterOf(context), ...bounds })
  },
  check: (context, options) =>
    eventually(async () => {
      const world = worldOf(context)
      const { digest } = reconcilerOf(context)
      const pods = await livePods(world, reconcilerNamespace, reconcilerSelector)
      const sound = pods.filter((pod) => isReady(pod) && runningDigest(pod, 'windlass') === digest)
      if (sound.length !== replicas) return notOk(`${sound.length} of ${replicas} pods run ${digest} and are ready`)
      const { items } = await world.coordination.listNamespacedLease({ namespace: reconcilerNamespace })
      const holders = items.map(({ spec }) => spec?.holderIdentity ?? '')
      const leader = sound.find(({ metadata }) => holders.some((holder) => holder.includes(metadata?.name ?? '?')))
      if (!leader) return notOk(`no ready pod holds the lease; its holder is '${holders.join(', ')}'`)
      return ok(`${leader.metadata?.name} leads`)
    }, options),
}
