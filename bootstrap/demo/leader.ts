import { waitFor } from '../local/wait.ts'
import { reconcilerNamespace, reconcilerSelector } from './names.ts'
import { isReady, livePods, type World } from './world.ts'

export interface ReconcilerPod {
  readonly name: string
  readonly uid: string
}

const timeoutMs = 60_000

/** The pod that holds the lease, once one does that is ready; another than the one that is named, if one is. */
export function untilLed(world: World, signal: AbortSignal, butNot?: string): Promise<ReconcilerPod> {
  return waitFor(
    async () => {
      const { items } = await world.coordination.listNamespacedLease({ namespace: reconcilerNamespace })
      const holders = items.map(({ spec }) => spec?.holderIdentity ?? '')
      const pods = (await readyPods(world)).filter(({ name }) => name !== butNot)
      return pods.find(({ name }) => holders.some((holder) => holder.startsWith(`${name}_`)))
    },
    () => `a ready pod${butNot === undefined ? '' : ` other than ${butNot}`} to hold the lease`,
    { timeoutMs, signal },
  )
}

/** A leader that ends needs somebody to take over. */
export async function untilTwoStand(world: World, signal: AbortSignal): Promise<void> {
  await waitFor(
    async () => (await readyPods(world)).length > 1 || undefined,
    () => 'two replicas of the reconciler to be ready',
    { timeoutMs, signal },
  )
}

async function readyPods(world: World): Promise<readonly ReconcilerPod[]> {
  const pods = await livePods(world, reconcilerNamespace, reconcilerSelector)
  return pods.filter(isReady).map(({ metadata: { name = '', uid = '' } = {} }) => ({ name, uid }))
}
