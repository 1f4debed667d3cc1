import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { sharedApiServer } from '../../bootstrap/local/testing.ts'
import type { Delivery } from '../src/api/delivery.ts'
import { testCluster } from '../src/kube/test-cluster.ts'
import { startStandIn } from '../src/registry/test-stand-in.ts'
import { conditionOf } from '../src/runtime/test-loop.ts'
import { DeliveryHints } from './delivery-hints.ts'
import { disordered } from './disordered-lines.ts'
import { FaultRun } from './fault-run.ts'
import { pass, refuse, reset, type Asked, type Fate, type ProxyHooks } from './http-proxy.ts'
import { installClusterWide } from './installation.ts'
import { bundleReconciler } from './reconciler-process.ts'
import { triesWithin, type RequestTally } from './request-tally.ts'
import type { Lab } from './site.ts'

/**
 * An API server that fails, in mid-release and at rest: the program as a process, a real API server, and a proxy between
 * them that fails as it is told. The witness of what was written is the API server; what is asked is counted meanwhile.
 */
t.setTimeout(580_000)

const cluster = testCluster(t, await sharedApiServer(t))
await installClusterWide(cluster)
const lab: Lab = {
  cluster,
  standIn: await startStandIn(t),
  program: await bundleReconciler(t),
  hints: await DeliveryHints.open(t, cluster),
}

/** First wait of a watch that failed; the work queue's is longer. */
const shortestWaitMs = 200
const failsForMs = 6_000
const objectsOfRelease = 3
/** Longer than the retry period of the lease. */
const retryAfterS = 3

interface Case {
  readonly fault: ProxyHooks
  /** What status says of it meanwhile, where that can be written. */
  readonly told?: string
  /** What the process's log says of it. */
  readonly logged?: string
  /** How often one and the same thing may be asked for in that time. */
  readonly mostOfOne: (lastedMs: number) => number
}

const backedOff = (lastedMs: number) => triesWithin(lastedMs, shortestWaitMs)
const all = (fate: Fate): ProxyHooks => ({ onRequest: () => fate })
/** A correction looks at its object, and again right before the write; status is written ahead, and then says why. */
const twiceBackedOff = (lastedMs: number) => 2 * backedOff(lastedMs)
const objects = (fate: Fate | Promise<Fate>): ProxyHooks => ({
  onRequest: (asked) => (isOfObject(asked) ? fate : pass),
})
const never = new Promise<Fate>(() => {})
/** The lease's duration less its renew deadline, by the lease of production: 15 s − 10 s. */
const requestTimeoutMs = 5_000

const cases: Readonly<Record<string, Case>> = {
  'that answers each write of an object with 409': {
    fault: objects(refuse(409, 'Conflict')),
    told: 'ApiConflict',
    mostOfOne: twiceBackedOff,
  },
  'that answers each write of an object with 500': {
    fault: objects(refuse(500, 'InternalError')),
    told: 'ApiUnavailable',
    mostOfOne: twiceBackedOff,
  },
  'that answers everything with 429 and Retry-After': {
    fault: all(refuse(429, 'TooManyRequests', { 'Retry-After': String(retryAfterS) })),
    mostOfOne: (lastedMs) => 1 + Math.floor(lastedMs / (retryAfterS * 1000)),
  },
  'that never answers a write of an object': {
    fault: objects(never),
    told: 'ApiUnavailable',
    logged: `did not answer within ${requestTimeoutMs} ms`,
    mostOfOne: (lastedMs) => 2 * (1 + Math.ceil(lastedMs / requestTimeoutMs)),
  },
  'that answers everything with 503': { fault: all(refuse(503, 'ServiceUnavailable')), mostOfOne: backedOff },
  'that resets every connection': { fault: all(reset), mostOfOne: backedOff },
}

// Most of the time is spent waiting.
t.jobs = 4

for (const [name, one] of Object.entries(cases)) {
  t.test(`an API server ${name}`, { buffered: true }, (t) => survive(t, one))
}

async function survive(t: Test, { fault, told, logged, mostOfOne }: Case): Promise<void> {
  const run = await FaultRun.prepare(t, lab, 'refused')
  await run.releaseFirst()

  const begun = run.beginFaultAt(isApplyOf('settings'), fault)
  await run.pushColor(2, 'green')
  await begun
  run.cutWatches()
  if (told !== undefined) await run.untilReason(told)
  else await sleep(failsForMs)
  bounded(t, 'in mid-release', run.endFault(), mostOfOne)
  await run.release('r2')

  run.beginFault(fault)
  run.cutWatches()
  await run.web.edit('v1/configmaps/settings', { data: { color: 'red' } })
  await sleep(failsForMs)
  bounded(t, 'at rest', run.endFault(), mostOfOne)
  await run.untilColor('green')

  if (logged !== undefined) t.match(run.lines.join('\n'), logged)
  await converged(t, run)
  await writtenOnce(t, run)
}

t.test(
  'a pause that comes while a write is in flight holds from when it is answered',
  { buffered: true },
  async (t) => {
    const run = await FaultRun.prepare(t, lab, 'in flight')
    await run.releaseFirst()
    const open = Promise.withResolvers<Fate>()
    t.teardown(() => open.resolve(pass))
    const isHeld = isApplyOf('settings')
    const begun = run.beginFaultAt(isHeld, { onRequest: (asked) => (isHeld(asked) ? open.promise : pass) })
    await run.pushColor(2, 'green')
    await begun
    await run.web.annotate({ 'windlass.dev/paused': 'true' })

    // Less than the time after which it would give up waiting.
    await sleep(requestTimeoutMs / 2)
    const isPaused = (delivery: Delivery) => conditionOf(delivery, 'Paused')?.status === 'True'
    t.notOk(isPaused(await run.web.delivery()), 'not while it is in flight')
    open.resolve(pass)
    await run.until('the pause to hold', isPaused)
    const before = await run.writesOf('more')

    await sleep(1_000)
    t.equal(await run.writesOf('more'), before, 'nothing is written from then on')
    run.endFault()
    await run.web.annotate({ 'windlass.dev/paused': null })
    await run.release('r2')
  },
)

t.test('an API server whose answer to each first write is lost', { buffered: true }, async (t) => {
  const run = await FaultRun.prepare(t, lab, 'unheard')
  await run.releaseFirst()
  const unheard = new Set<string>()
  run.beginFault({
    onAnswer({ method, isWrite, path }) {
      const what = `${method} ${path}`
      if (!isWrite || unheard.has(what)) return 'pass'
      unheard.add(what)
      return 'lost'
    },
  })
  await run.pushColor(2, 'green')
  await run.release('r2')
  const tally = run.endFault()

  t.comment(`answers lost: ${unheard.size}; ${tally.describe()}`)
  t.ok(unheard.size > 4, `${unheard.size} answers were lost`)
  t.same(tally.above(2 * unheard.size), [], tally.describe())
  const writes = await run.writesOf('settings')
  t.ok(writes <= 2 + objectsOfRelease, `${writes} writes: all is written again for each of ${objectsOfRelease} unheard`)
  await converged(t, run)
})

t.test('an API server that has forgotten what a watch or a list would go on from', { buffered: true }, async (t) => {
  const run = await FaultRun.prepare(t, lab, 'expired')
  await run.releaseFirst()
  const gone = new Set<string>()
  run.beginFault({
    onRequest({ isWatch, path, url }) {
      const kind = isWatch ? 'watch' : url.includes('continue=') ? 'continuation' : undefined
      if (kind === undefined || gone.has(`${kind} ${path}`)) return pass
      gone.add(`${kind} ${path}`)
      return refuse(410, 'Expired')
    },
    // So that lists have pages; those of Namespaces, which are many, are left as they are.
    rewrite: (url) => (url.startsWith('/api/v1/namespaces?') ? url : url.replace('limit=500', 'limit=1')),
  })
  run.cutWatches()
  await run.pushColor(2, 'green')
  await run.release('r2')
  await run.web.edit('v1/configmaps/settings', { data: { color: 'red' } })
  await run.untilColor('green')
  const tally = run.endFault()

  t.comment(`forgotten: ${[...gone].join(', ')}; ${tally.describe()}`)
  const watches = [...gone].filter((line) => line.startsWith('watch '))
  t.ok(watches.length > 10, 'every watch is told that what it goes on from is forgotten')
  t.ok(gone.size > watches.length, 'and a list in the midst of it')
  t.same(
    watches.filter((line) => tally.countOf(line) > 3),
    [],
    'each watch begins anew, from a list, and goes on',
  )
  await converged(t, run)
})

/** The time for the rollout is over before it is noticed that a watch is silent, or after. */
for (const timeout of ['20s', '5m']) {
  const how = `fall silent with their connections open, and a rollout that may take ${timeout}`
  t.test(`an API server whose watches ${how}`, { buffered: true }, (t) => surviveSilence(t, timeout))
}

async function surviveSilence(t: Test, timeout: string): Promise<void> {
  const run = await FaultRun.prepare(t, lab, 'silent')
  const end = Promise.withResolvers<void>()
  t.teardown(() => end.resolve())
  let isSilent = false
  let silenced = 0
  run.beginFault({
    // Those that were open before; what is opened anew is heard.
    async *watchLines(_, lines) {
      const wasOpen = !isSilent
      for await (const line of lines) {
        if (wasOpen && isSilent) {
          silenced += 1
          await end.promise
        }
        yield line
      }
    },
  })
  await run.releaseFirst({ rollout: { timeout, onFailure: 'RollBack', logs: true } })
  isSilent = true
  await run.pushColor(2, 'green')
  await run.release('r2')
  const tally = run.endFault()

  t.comment(`watches silenced: ${silenced}; ${tally.describe()}`)
  t.ok(silenced > 0, 'something was told that was not heard')
  const isWatch = (line: string) => line.startsWith('watch ')
  t.same(tally.above(2).filter(isWatch), [], 'each watch was begun anew once at most')
  await converged(t, run)
}

t.test('an API server that tells each event twice, and the older of two last', { buffered: true }, async (t) => {
  const run = await FaultRun.prepare(t, lab, 'disordered')
  run.beginFault({ watchLines: (_, lines) => disordered(lines) })
  await run.releaseFirst()
  await run.pushColor(2, 'green')
  await run.release('r2')
  await run.web.edit('v1/configmaps/settings', { data: { color: 'red' } })
  await run.untilColor('green')
  const tally = run.endFault()

  t.comment(tally.describe())
  await writtenOnce(t, run)
  await converged(t, run)
})

function bounded(t: Test, when: string, tally: RequestTally, mostOfOne: Case['mostOfOne']): void {
  t.comment(`${when}: ${tally.describe()}`)
  t.ok(tally.total > 0, `${when}: something met the fault`)
  t.same(tally.above(mostOfOne(tally.lastedMs)), [], `${when}: ${tally.describe()}`)
}

/** Two releases and one correction, each of them once, but for what had to be written again. */
async function writtenOnce(t: Test, run: FaultRun): Promise<void> {
  const writes = await run.writesOf('settings')
  const most = 3 + run.unanswered + run.lostTerms
  t.ok(
    writes >= 3 && writes <= most,
    `${writes} writes, of 3 to ${most}; the log ends: ${run.lines.slice(-30).join('\n')}`,
  )
}

async function converged(t: Test, run: FaultRun): Promise<void> {
  const { status } = await run.web.delivery()
  const history = status?.history?.map(({ tag, outcome }) => `${tag} ${outcome}`)
  t.same(history, ['r2 Ready', 'r1 Ready'], 'each release ran once, and none failed')
  t.same(status?.quarantine ?? [], [])
  t.equal(await run.generation(), 2, 'what the Deployment is to run was changed once')
}

function isOfObject({ method, path, body }: Asked): boolean {
  return (
    method === 'PATCH' &&
    path.includes('/namespaces/') &&
    !path.includes('/deliveries/') &&
    body.includes('windlass.dev/owner')
  )
}

function isApplyOf(name: string): (asked: Asked) => boolean {
  return ({ isWrite, path }) => isWrite && path.endsWith(`/configmaps/${name}`)
}
