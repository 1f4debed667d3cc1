import { operatorAnnotations } from '../api/annotations.ts'
import { parseTime } from '../api/time.ts'

/** The annotations of one object that pause, as they stand there; see docs/operations.md. */
export interface PauseMark {
  /** Where it stands, for messages: `the Delivery`, `Namespace team`, `Deployment predictor`. */
  readonly on: string
  /** The one object on which it stands, as `Kind/name`: nothing that would write it begins. */
  readonly object?: string
  readonly paused: string
  readonly mode?: string
  readonly reason?: string
  readonly by?: string
}

export type Pause =
  | { readonly kind: 'running' }
  | {
      readonly kind: 'paused'
      /** `all`: no write. `releases`: drift is corrected and a rollout under way ends, but no release begins. */
      readonly mode: 'all' | 'releases'
      /** When the last of the marks ends by itself; absent where one must be removed by hand. */
      readonly untilMs?: number
      /** Objects that are not written, as `Kind/name`: paused by themselves, with the mode `all`. */
      readonly objects: readonly string[]
      readonly message: string
      /** Values that mean nothing to us and pause all the same. */
      readonly warnings: readonly string[]
    }

/** Whether objects are paused by themselves: those are not written, and nothing is deleted beside them. */
export function holdsObjects(pause: Pause): pause is Extract<Pause, { kind: 'paused' }> {
  return pause.kind === 'paused' && pause.objects.length > 0
}

/** Undefined where the object's annotations say nothing of pausing. */
export function pauseMark(
  on: string,
  annotations: Readonly<Record<string, string>> = {},
  object?: string,
): PauseMark | undefined {
  const {
    [operatorAnnotations.paused]: paused,
    [operatorAnnotations.pauseMode]: mode,
    [operatorAnnotations.pauseReason]: reason,
    [operatorAnnotations.pausedBy]: by,
  } = annotations
  if (paused === undefined) return undefined
  return {
    on,
    paused,
    ...(object !== undefined && { object }),
    ...(mode !== undefined && { mode }),
    ...(reason !== undefined && { reason }),
    ...(by !== undefined && { by }),
  }
}

/** What all marks say together: the stricter mode, the longest time. */
export function readPause(marks: readonly PauseMark[], nowMs: number): Pause {
  const active = marks.flatMap((mark) => readMark(mark, nowMs))
  if (active.length === 0) return { kind: 'running' }

  const untils = active.map(({ untilMs }) => untilMs)
  const lastMs = untils.includes(undefined) ? undefined : Math.max(...untils.map((untilMs) => untilMs ?? 0))
  return {
    kind: 'paused',
    mode: active.some(({ mode }) => mode === 'all') ? 'all' : 'releases',
    ...(lastMs !== undefined && { untilMs: lastMs }),
    objects: active.flatMap(({ mark, isWriting }) => (isWriting ? [] : (mark.object ?? []))),
    message: active.map(({ message }) => message).join('; '),
    warnings: active.flatMap(({ warnings }) => warnings),
  }
}

/** The next time at which what `readPause` says may change without anybody touching an annotation. */
export function nextPauseChange(marks: readonly PauseMark[], nowMs: number): number | undefined {
  const times = marks.flatMap(({ paused }) => parseTime(paused) ?? []).filter((untilMs) => untilMs > nowMs)
  return times.length === 0 ? undefined : Math.min(...times)
}

interface ActiveMark {
  readonly mark: PauseMark
  /** What it stands on is written all the same, but by no release that begins. */
  readonly isWriting: boolean
  readonly mode: 'all' | 'releases'
  readonly untilMs?: number
  readonly message: string
  readonly warnings: readonly string[]
}

function readMark(mark: PauseMark, nowMs: number): readonly ActiveMark[] {
  if (mark.paused === 'false') return []
  const untilMs = parseTime(mark.paused)
  if (untilMs !== undefined && untilMs <= nowMs) return []

  const isKnown = mark.paused === 'true' || untilMs !== undefined
  const isKnownMode = mark.mode === undefined || mark.mode === 'all' || mark.mode === 'releases'
  const warnings = [
    ...(isKnown
      ? []
      : [
          `${mark.on} is paused by the value "${shorten(mark.paused)}", which is none of true, false and a time: it counts as true`,
        ]),
    ...(isKnownMode
      ? []
      : [
          `${mark.on} is paused with the mode "${shorten(mark.mode ?? '')}", which is neither all nor releases: it counts as all`,
        ]),
  ]
  const isWriting = mark.mode === 'releases'
  // A release writes every object of its bundle, so that one paused object holds back releases, and no other object.
  const mode = isWriting || mark.object !== undefined ? 'releases' : 'all'
  return [{ mark, isWriting, mode, ...(untilMs !== undefined && { untilMs }), message: describe(mark), warnings }]
}

function describe({ on, by, reason, paused, mode }: PauseMark): string {
  const what = mode === 'releases' ? ' for releases' : ''
  const who = by?.trim() ? ` by ${shorten(by)}` : ''
  const until = parseTime(paused) === undefined ? '' : ` until ${paused}`
  const why = reason?.trim() ? `: ${shorten(reason)}` : ''
  return `${on} is paused${what}${who}${until}${why}`
}

/** An annotation may be a quarter of a megabyte; a message is for a person. */
function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}
