/** The places at which an operator pauses, and how much each holds. */
import { operatorAnnotations as hand } from '../api/annotations.ts'
import type { Delivery } from '../api/delivery.ts'
import { conditionOf, type Tenancy } from './test-loop.ts'

export const configMap = 'v1/configmaps/settings'
export const deployment = 'apps/v1/deployments/web'

export const levels = ['the Delivery', 'its Namespace', "the reconciler's Namespace", 'one of its objects'] as const
export type Level = (typeof levels)[number]
export type Mode = 'all' | 'releases'

/** What is not done: nothing at all is written, nothing is written to that object, or no release begins. */
export type Held = 'everything' | 'the object' | 'releases'

export function heldBy(level: Level, mode: Mode): Held {
  if (mode === 'releases') return 'releases'
  return level === 'one of its objects' ? 'the object' : 'everything'
}

export type PauseValues = Readonly<Record<string, string | null>>

export const resumed: PauseValues = {
  [hand.paused]: null,
  [hand.pauseMode]: null,
  [hand.pauseReason]: null,
  [hand.pausedBy]: null,
}

/** Sets annotations at a level; the reconciler's Namespace is that of all tenants at once. */
export async function annotateAt(level: Level, tenancies: readonly Tenancy[], values: PauseValues): Promise<void> {
  const [first] = tenancies
  if (level === "the reconciler's Namespace") {
    await first?.annotateNamespace(values, 'windlass-system')
    return
  }
  await Promise.all(tenancies.map((web) => annotateOne(level, web, values)))
}

async function annotateOne(level: Level, web: Tenancy, annotations: PauseValues): Promise<void> {
  if (level === 'the Delivery') return web.annotate(annotations)
  if (level === 'its Namespace') return web.annotateNamespace(annotations)
  return web.edit(configMap, { metadata: { annotations } })
}

/** How a message names the level. */
export function nameOf(level: Level, { namespace }: Tenancy): string {
  if (level === 'its Namespace') return `Namespace ${namespace}`
  if (level === "the reconciler's Namespace") return `${level} windlass-system`
  return level === 'the Delivery' ? level : 'ConfigMap settings'
}

export function isPaused(delivery: Delivery): boolean {
  return conditionOf(delivery, 'Paused')?.status === 'True'
}
