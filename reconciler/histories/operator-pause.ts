/** What an operator's annotations forbid, told anew from the table in docs/operations.md and not by the core. */
import { namespace, ownNamespace } from './cluster.ts'

interface Annotated {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> }
}

export interface Annotations {
  readonly delivery: Annotated | undefined
  readonly namespaces: readonly Annotated[]
  /** As they carry them, of the kind that is asked for. */
  readonly object?: Annotated | undefined
}

/** Whether every write is forbidden or, by its own annotation, that of the object. */
export function forbidsWrites({ delivery, namespaces, object }: Annotations, nowMs: number): boolean {
  const ours = namespaces.filter(({ metadata }) => [namespace, ownNamespace].includes(metadata.name))
  const places = [delivery, ...ours, object]
  return places.some(
    (place) => place !== undefined && isPaused(place, nowMs) && annotation(place, 'pause-mode') !== 'releases',
  )
}

function isPaused(place: Annotated, nowMs: number): boolean {
  const value = annotation(place, 'paused')
  if (value === undefined || value === 'false') return false
  const untilMs = /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(untilMs) || untilMs > nowMs
}

function annotation({ metadata }: Annotated, name: string): string | undefined {
  return metadata.annotations?.[`windlass.dev/${name}`]
}
