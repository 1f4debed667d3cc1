import type { AppError } from '../core/errors.ts'
import type { Clock } from './clock.ts'

export interface Deadline {
  readonly clock: Pick<Clock, 'after'>
  readonly ms: number
  readonly signal: AbortSignal
  /** What the work is aborted with when its time is up. */
  readonly late: () => AppError
}

/** Does work under a signal that also aborts when the time is up: many steps that each end in time may never end. */
export async function withinTime<T>(
  { clock, ms, signal, late }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController()
  const cancel = clock.after(ms, () => ending.abort(late()))
  try {
    return await work(AbortSignal.any([signal, ending.signal]))
  } finally {
    cancel()
  }
}
