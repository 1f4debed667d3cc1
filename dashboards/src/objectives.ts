/** What is promised, and from when on somebody is told; rules, dashboards and docs/operations.md go by these. */

/** Share of answers on prices that are no error of the service, over thirty days. */
export const availability = 0.999

/** Share of answers on prices that come within the time; the time is a bucket of the histogram. */
export const latency = { objective: 0.99, withinS: 0.1 } as const

/** Share of releases that are ready within the time after their push, over a day; the time is a bucket, too. */
export const pushToReady = { objective: 0.9, withinS: 300 } as const

/** Of fewer bad answers within the long window of an alert on a budget nobody is told: where few ask, one is a large share. */
export const fewestBad = 5

/** A pause that lasts longer was perhaps forgotten. */
export const pausedTooLongS = 4 * 3_600

/** Who pins goes back, or tries something out; a day later it is pushed, or was forgotten. */
export const pinnedTooLongS = 24 * 3_600

/** What passes by itself has passed by then; what a Delivery waits for longer is somebody's to do. */
export const waitingTooLongS = 30 * 60

/** How late a poll may be, by the schedule of its Delivery: the longest wait after a poll that failed is far shorter. */
export const pollTooOldS = 15 * 60

/** Share of failed polls from which on the registry counts as failing. */
export const failedPolls = 0.5
