import type { Condition } from '../../reconciler/src/api/delivery.ts'
import type { Reason } from '../../reconciler/src/api/reasons.ts'
import { waitFor } from '../local/wait.ts'
import { type DemoContext, worldOf } from './context.ts'

/**
 * What the reconciler says of itself in the Delivery's status, told to the reader beside what the world shows; no check
 * rests on it.
 */

/** Resolves once it says so. */
export function untilTold(context: DemoContext, reason: Reason): Promise<Condition> {
  const world = worldOf(context)
  return waitFor(
    async () => {
      const { status } = await world.delivery()
      return status?.conditions?.find((condition) => condition.type === 'Ready' && condition.reason === reason)
    },
    async () => `the Delivery to say ${reason}; it says ${JSON.stringify((await world.delivery()).status?.summary)}`,
    { timeoutMs: 60_000, signal: context.signal },
  )
}

/** How it stands, where a step failed; undefined where nothing can be read. */
export async function lastTold({ world }: DemoContext): Promise<string | undefined> {
  const { status } = (await world?.delivery().catch(() => undefined)) ?? {}
  const conditions = status?.conditions?.map(
    ({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`,
  )
  return conditions?.join('; ')
}
