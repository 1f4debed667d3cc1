import { createTask, validateDetailed, type ScheduledTask, type TaskOptions } from 'node-cron'
import { BoundedMap } from '../core/bounded-map.ts'
import type { Log } from '../telemetry/log.ts'

/** Points in time by cron expression and time zone. */
export interface Schedules {
  /** What is wrong with them, for a person; undefined where they can be followed. */
  problemOf(schedule: string, timeZone: string): string | undefined
  /**
   * Calls back at each time of the schedule, with the milliseconds until the next, until the function it answers is
   * called. Both arguments must be without problem.
   */
  follow(schedule: string, timeZone: string, onTime: (untilNextMs: number) => void): () => void
  /** Milliseconds until the next time of a schedule that is followed. */
  untilNextMs(schedule: string, timeZone: string): number
}

type Logger = NonNullable<TaskOptions['logger']>

interface Shared {
  readonly listeners: Set<(untilNextMs: number) => void>
  readonly untilNextMs: () => number
  readonly stop: () => void
}

/** How late it may be seen that the clock was set. */
const longestWaitMs = 60_000
/** A timer may fire a little before its time, which is not to come twice then. */
const earlyMs = 50

/** A schedule without a next time takes a tenth of a second to be known as one, and each reconcile asks. */
const mostProblems = 1_024

/** By node-cron; one timer for all who follow the same schedule, however many Deliveries there are. */
export function cronSchedules(log: Log): Schedules {
  const shared = new Map<string, Shared>()
  const problems = new BoundedMap<string, { readonly problem: string | undefined }>(mostProblems)
  // Its own logger writes coloured lines to the console.
  const logger = {
    info: (message: string) => log.debug({ detail: message }, 'schedule'),
    debug: (message: string | Error) => log.debug({ detail: String(message) }, 'schedule'),
    warn: (message: string) => log.warn({ detail: message }, 'schedule'),
    error: (message: string | Error) => log.error({ err: message }, 'schedule failed'),
  }

  /**
   * node-cron tells the times alone, and is never started: it waits for a point of the wall clock, so that a clock that is
   * set back by an hour stops it for one, and it goes through all that it missed, half a millisecond each.
   */
  function begin(schedule: string, timeZone: string): Shared {
    const listeners: Shared['listeners'] = new Set()
    const task = createTask(schedule, () => {}, { timezone: timeZone, logger })
    let timer: NodeJS.Timeout

    function arm(): number {
      const untilNextMs = msToNext(task)
      const isNear = untilNextMs <= longestWaitMs
      timer = setTimeout(isNear ? onTime : arm, isNear ? untilNextMs : longestWaitMs)
      return untilNextMs
    }

    /** A process that was stopped or busy calls once when it comes back, however late it is. */
    function onTime(): void {
      const untilNextMs = arm()
      for (const listener of listeners) listener(untilNextMs)
    }

    arm()
    return {
      listeners,
      untilNextMs: () => msToNext(task),
      stop() {
        clearTimeout(timer)
        void task.destroy()
      },
    }
  }

  return {
    problemOf(schedule, timeZone) {
      const key = `${schedule} ${timeZone}`
      const known = problems.get(key) ?? { problem: problemOf(schedule, timeZone, logger) }
      problems.set(key, known)
      return known.problem
    },
    follow(schedule, timeZone, onTime) {
      const key = `${schedule} ${timeZone}`
      const entry = shared.get(key) ?? begin(schedule, timeZone)
      shared.set(key, entry)
      const listener = (untilNextMs: number) => onTime(untilNextMs)
      entry.listeners.add(listener)
      return () => {
        entry.listeners.delete(listener)
        if (entry.listeners.size > 0) return
        entry.stop()
        shared.delete(key)
      }
    },
    untilNextMs(schedule, timeZone) {
      const entry = shared.get(`${schedule} ${timeZone}`)
      if (entry === undefined) throw new Error(`nobody follows the schedule "${schedule}" in ${timeZone}`)
      return entry.untilNextMs()
    },
  }
}

function msToNext(task: Pick<ScheduledTask, 'getNextRuns'>): number {
  const nowMs = Date.now()
  const untilMs = (times: readonly Date[]) => (times.at(-1)?.getTime() ?? nowMs) - nowMs
  const ms = untilMs(task.getNextRuns(1))
  return ms > earlyMs ? ms : untilMs(task.getNextRuns(2))
}

function problemOf(schedule: string, timeZone: string, logger: Logger): string | undefined {
  const { errors } = validateDetailed(schedule)
  if (errors.length > 0) return `"${schedule}" is not a schedule: ${errors.map(({ message }) => message).join('; ')}`
  try {
    Intl.DateTimeFormat('en', { timeZone }).resolvedOptions()
  } catch {
    return `"${timeZone}" is not a time zone`
  }
  return hasNextTime(schedule, timeZone, logger) ? undefined : `"${schedule}" names no time that ever comes`
}

/** Each field may be right and no day have them all (31W of February): node-cron throws then, once it is started. */
function hasNextTime(schedule: string, timeZone: string, logger: Logger): boolean {
  const task = createTask(schedule, () => {}, { timezone: timeZone, logger })
  try {
    return task.getNextRuns(1).length > 0
  } catch {
    return false
  } finally {
    void task.destroy()
  }
}
