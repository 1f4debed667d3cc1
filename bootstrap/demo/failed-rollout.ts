import type { V1Pod } from '@kubernetes/client-node'
import { setTimeout as sleep } from 'node:timers/promises'
import { counted } from '../local/counted.ts'
import { formatElapsed } from '../local/elapsed.ts'
import type { PushedRelease } from '../local/release.ts'
import { deliveredWrites, isByReconciler } from './delivered-writes.ts'
import { predictorContainer, predictorNamespace, predictorSelector } from './names.ts'
import { notOk, ok, type Verdict } from './step.ts'
import { watchPods } from './watch-pods.ts'
import { isLive, isReady, namesDigest, runningDigest, type World } from './world.ts'

/** What was seen of a rollout that failed, by witnesses outside the reconciler. */
export interface FailedRollout {
  /** Its image ran in a pod. */
  readonly ran: boolean
  readonly wasReady: boolean
  /** The most that a container of it was started anew. */
  readonly restarts: number
  /** The audit log: from the write that applied it to the one that put the good release back. */
  readonly heldOutMs: number | undefined
  /** What the Delivery gave it. */
  readonly timeoutMs: number
  /** Requests through the Ingress meanwhile that the good release answered. */
  readonly answers: number
  /** What anything else answered. */
  readonly otherAnswers: readonly string[]
}

export interface WatchOptions {
  readonly world: World
  readonly failing: PushedRelease
  readonly good: PushedRelease
  readonly auditLog: string
  /** Where the audit log ended before the failing release was pushed. */
  readonly fromByte: number
  readonly report: (line: string) => void
  /** What the Delivery gives the failing release. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const lookEveryMs = 50
/** Beside the time that the release has, for all that comes before and after it. */
const patienceMs = 180_000

/** Watches a release that is to fail until the good one alone is there again, or throws when the time is up. */
export async function watchFailedRollout(options: WatchOptions): Promise<FailedRollout> {
  const { world, failing, good, auditLog, fromByte, report, timeoutMs, signal } = options
  const deadline = performance.now() + timeoutMs + patienceMs
  const seen = { ran: false, wasReady: false, restarts: 0 }
  const looking = new AbortController()
  const both = AbortSignal.any([signal, looking.signal])
  const tried = new Set<string | undefined>()
  const { pods, trouble } = watchPods({
    watch: world.watch,
    namespace: predictorNamespace,
    labelSelector: predictorSelector,
    onState: (pod) => {
      if (!namesDigest(pod, predictorContainer, failing.digest)) return
      tried.add(pod.metadata?.uid)
      const before = describe(seen)
      look(pod, failing.digest, seen)
      if (describe(seen) !== before) report(describe(seen))
    },
    signal: both,
  })
  const answers = askUntil(world, good, both)
  try {
    while (tried.size === 0 || !isGoodAlone(pods(), good)) {
      if (performance.now() > deadline) {
        throw new Error(`it was not gone back from in time: ${[describe(seen), trouble()].filter(Boolean).join('; ')}`)
      }
      await sleep(lookEveryMs, undefined, { signal })
    }
  } finally {
    looking.abort()
  }
  const writes = (await deliveredWrites(auditLog, fromByte)).filter(
    (write) => isByReconciler(write) && write.objectRef?.resource === 'deployments',
  )
  const [applied, back] = [writes[0], writes.at(-1)].map((write) => write && Date.parse(write.stageTimestamp))
  const heldOutMs = writes.length < 2 || applied === undefined || back === undefined ? undefined : back - applied
  return { ...seen, heldOutMs, timeoutMs, ...(await answers) }
}

/** Whether it failed as it should: it was tried, it never served, and nobody behind the Ingress noticed. */
export function judgeFailedRollout(seen: FailedRollout, { leastRestarts }: { leastRestarts: number }): Verdict {
  const { ran, wasReady, restarts, heldOutMs, timeoutMs, answers, otherAnswers } = seen
  if (!ran) return notOk('the failing release never ran')
  if (wasReady) return notOk('the failing release was ready for a moment')
  if (restarts < leastRestarts) return notOk(`the failing release was started anew ${restarts} times only`)
  if (heldOutMs === undefined) return notOk('the audit log holds no write that went back')
  if (leastRestarts > 0 && heldOutMs >= timeoutMs) return notOk('the failing release was given all of its time')
  if (otherAnswers.length > 0) {
    const [first] = otherAnswers
    return notOk(`${otherAnswers.length} of ${answers + otherAnswers.length} requests were not answered well: ${first}`)
  }
  if (answers === 0) return notOk('no request was made through the Ingress meanwhile')
  const crashed = leastRestarts > 0 ? `, started anew ${counted(restarts, 'time')}` : ''
  const after = `${formatElapsed(heldOutMs)} (it had ${formatElapsed(timeoutMs)})`
  return ok(`gone back from after ${after}${crashed}; ${counted(answers, 'request')} all served meanwhile`)
}

function look(pod: V1Pod, digest: string, seen: { ran: boolean; wasReady: boolean; restarts: number }): void {
  const status = pod.status?.containerStatuses?.find(({ name }) => name === predictorContainer)
  seen.restarts = Math.max(seen.restarts, status?.restartCount ?? 0)
  seen.ran ||= runningDigest(pod, predictorContainer) === digest || seen.restarts > 0
  seen.wasReady ||= isReady(pod)
}

function describe({ ran, wasReady, restarts }: { ran: boolean; wasReady: boolean; restarts: number }): string {
  if (restarts > 0) return `a pod of it was started anew ${counted(restarts, 'time')}`
  return ran ? `a pod of it runs, and is ${wasReady ? '' : 'not '}ready` : 'no pod of it runs yet'
}

/** Pods on their way out count for nothing any more. */
function isGoodAlone(pods: readonly V1Pod[], { digest }: PushedRelease): boolean {
  const live = pods.filter(isLive)
  return live.length > 0 && live.every((pod) => isReady(pod) && runningDigest(pod, predictorContainer) === digest)
}

/** Asks again and again who answers; what breaks off because the asking ends counts for nothing. */
async function askUntil(
  world: World,
  { sha }: PushedRelease,
  signal: AbortSignal,
): Promise<Pick<FailedRollout, 'answers' | 'otherAnswers'>> {
  const otherAnswers: string[] = []
  let answers = 0
  while (!signal.aborted) {
    const other = await world.throughIngress('/version', signal).then(
      ({ status, body }) => (status === 200 && body.includes(sha) ? undefined : `${status} ${body.slice(0, 120)}`),
      (error: unknown) => String(error),
    )
    if (signal.aborted) break
    if (other === undefined) answers += 1
    else otherAnswers.push(other)
    await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined)
  }
  return { answers, otherAnswers }
}
