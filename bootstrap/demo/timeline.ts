import { setTimeout as sleep } from 'node:timers/promises'
import { isWrite, readAuditLog } from '../local/audit-log.ts'
import type { PushedRelease } from '../local/release.ts'
import { isReady, livePods, runningDigest, type World } from './world.ts'

/** When each thing happened, in epoch milliseconds by this machine's clock, as witnesses outside the reconciler saw it. */
export interface Timeline {
  readonly pushedAtMs: number
  /** The registry's log: the first request for this very image by the reconciler's identity. */
  readonly seenAtMs: number | undefined
  /** The audit log: the first write of the Deployment that the API server took after the push. */
  readonly appliedAtMs: number | undefined
  /** Our own look at the pods: all of them run this image by digest and are ready. */
  readonly readyAtMs: number
  /** Our own request through the Ingress was answered by this revision. */
  readonly servedAtMs: number
}

export interface TimelineOptions {
  readonly world: World
  readonly release: PushedRelease
  readonly namespace: string
  readonly selector: string
  readonly container: string
  readonly auditLog: string
  readonly seenAtMs: (release: PushedRelease) => Promise<number | undefined>
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const lookEveryMs = 50

/** Watches a release from its push until it is served, or throws when the time is up. */
export async function watchRelease(options: TimelineOptions): Promise<Timeline> {
  const { world, release, namespace, selector, container, auditLog, seenAtMs, timeoutMs, signal } = options
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const [readyAtMs, servedAtMs] = await Promise.all([
    firstTime(async () => {
      const pods = await livePods(world, namespace, selector)
      return pods.length > 0 && pods.every((pod) => isReady(pod) && runningDigest(pod, container) === release.digest)
    }, bounded),
    firstTime(async () => {
      const { status, body } = await world.throughIngress('/version', bounded)
      return status === 200 && body.includes(release.sha)
    }, bounded),
  ])
  const writes = await readAuditLog(
    auditLog,
    (event) =>
      isWrite(event) &&
      event.objectRef?.resource === 'deployments' &&
      event.objectRef.namespace === namespace &&
      Date.parse(event.stageTimestamp) >= release.pushedAtMs,
  )
  const applied = writes[0]
  return {
    pushedAtMs: release.pushedAtMs,
    seenAtMs: await seenAtMs(release),
    appliedAtMs: applied && Date.parse(applied.stageTimestamp),
    readyAtMs,
    servedAtMs,
  }
}

/** One line for a person: the time from the push to each of the later points, in the order in which they came. */
export function describeTimeline({ pushedAtMs, seenAtMs, appliedAtMs, readyAtMs, servedAtMs }: Timeline): string {
  const points = [
    { name: 'seen', atMs: seenAtMs },
    { name: 'applied', atMs: appliedAtMs },
    // The first new pod may serve before the last one is ready.
    ...[
      { name: 'ready', atMs: readyAtMs },
      { name: 'served', atMs: servedAtMs },
    ].sort((a, b) => a.atMs - b.atMs),
  ]
  const since = (atMs: number | undefined) =>
    atMs === undefined ? '?' : `${((atMs - pushedAtMs) / 1000).toFixed(2)} s`
  return ['pushed', ...points.map(({ name, atMs }) => `${name} ${since(atMs)}`)].join(' → ')
}

async function firstTime(isTrue: () => Promise<boolean>, signal: AbortSignal): Promise<number> {
  for (;;) {
    if (await isTrue().catch(() => false)) return Date.now()
    signal.throwIfAborted()
    await sleep(lookEveryMs, undefined, { signal })
  }
}
