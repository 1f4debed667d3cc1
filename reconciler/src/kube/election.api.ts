import type { Test } from 'tap'
import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import { waitFor } from '../../../bootstrap/local/wait.ts'
import { leaderLabel } from '../api/annotations.ts'
import { AppError } from '../core/errors.ts'
import { systemClock, type Clock } from '../runtime/clock.ts'
import type { KubeClient } from './client.ts'
import { createElection, type LeaseTiming } from './election.ts'
import { guardWrites } from './guard-writes.ts'
import { setLeaderLabel } from './leader-label.ts'
import type { Lease } from './lease.ts'
import type { KubeObject } from './ports.ts'
import { testCluster } from './test-cluster.ts'
import { startProxy } from './test-proxy.ts'
import { createWatchSource } from './watch.ts'

t.setTimeout(240_000)
const server = await sharedApiServer(t)
const cluster = testCluster(t, server)
const { admin, signal } = cluster

const timing: LeaseTiming = { leaseDurationMs: 5_000, renewDeadlineMs: 3_500, renewIntervalMs: 500, retryPeriodMs: 200 }

interface Candidate {
  readonly election: ReturnType<typeof createElection>
  /** What happened, in order, with the time by this process's clock. */
  readonly log: Array<{
    readonly what: 'elected' | 'lost' | 'problem'
    readonly atMs: number
    readonly error?: AppError
  }>
  readonly stop: () => Promise<void>
}

function stand(
  t: Test,
  namespace: string,
  podName: string,
  {
    client = admin,
    clock = systemClock,
    processId = '1',
  }: { client?: KubeClient; clock?: Clock; processId?: string } = {},
): Candidate {
  const log: Candidate['log'] = []
  const note = (what: 'elected' | 'lost' | 'problem', error?: AppError) =>
    void log.push({ what, atMs: performance.now(), ...(error !== undefined && { error }) })
  const watches = createWatchSource({
    client,
    clock,
    random: Math.random,
    hooks: { restarted: () => {}, bug: (_, error) => t.error(error, 'no bug is reported') },
  })
  const election = createElection({
    client,
    watches,
    clock,
    random: Math.random,
    namespace,
    leaseName: 'windlass',
    podName,
    processId,
    timing,
    hooks: {
      elected: () => note('elected'),
      lost: (error) => note('lost', error),
      problem: (error) => note('problem', error),
    },
  })
  const end = new AbortController()
  const running = election.run(end.signal)
  const stop = async () => {
    end.abort()
    await running
  }
  t.teardown(stop)
  return { election, log, stop }
}

async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  await waitFor(
    async () => (await check()) || undefined,
    () => what,
    { timeoutMs: 60_000, everyMs: 5 },
  )
}

async function leads(candidate: Candidate): Promise<void> {
  await until('leadership', () => candidate.election.leadership.isLeader)
}

function leaseRequest(namespace: string) {
  return {
    path: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/windlass`,
    what: 'the lease',
    signal,
  } as const
}

function readLease(namespace: string): Promise<Lease> {
  return admin.request<Lease>({ ...leaseRequest(namespace), method: 'GET' })
}

t.test('one leads and renews; the other waits without a request', async (t) => {
  const namespace = await cluster.namespace('election')
  const one = stand(t, namespace, 'one')
  await leads(one)
  t.match((await readLease(namespace)).spec, { holderIdentity: 'one_1', leaseTransitions: 1, leaseDurationSeconds: 5 })
  const two = stand(t, namespace, 'two')
  const requests = async (verb: string) =>
    cluster.audited(
      (event) =>
        event.stage === 'RequestReceived' &&
        event.verb === verb &&
        event.objectRef?.namespace === namespace &&
        event.objectRef.resource === 'leases',
    )
  await until('the second to watch', async () => (await requests('watch')).length === 2)
  const [renewals, reads] = [(await requests('update')).length, (await requests('get')).length]
  await until('five renewals', async () => (await requests('update')).length >= renewals + 5)
  t.equal((await requests('get')).length, reads, 'not a read is made meanwhile')
  t.notOk(two.election.leadership.isLeader)
  t.ok(two.election.leadership.signal.aborted)
  t.same(
    [one, two].map(({ log }) => log.map(({ what }) => what)),
    [['elected'], []],
  )
  t.equal(one.election.leadership.epoch, 1)
})

t.test('who goes gives the lease up, and the next leads at once with a higher epoch', async (t) => {
  const namespace = await cluster.namespace('election release')
  const one = stand(t, namespace, 'one')
  await leads(one)
  const { signal } = one.election.leadership
  const two = stand(t, namespace, 'two')
  const { spec } = await readLease(namespace)
  await one.stop()
  t.match(signal.reason, { kind: 'aborted', reason: 'ShuttingDown' })
  const releasedAtMs = performance.now()
  await leads(two)
  t.ok((two.log[0]?.atMs ?? Infinity) - releasedAtMs < timing.leaseDurationMs / 2, 'before the lease would expire')
  t.equal(two.election.leadership.epoch, (spec.leaseTransitions ?? 0) + 1)
})

for (const fault of ['stall', 'refuse'] as const) {
  await t.test(`a leader that is cut off (${fault}) stops leading before another begins`, async (t) => {
    const namespace = await cluster.namespace(`election ${fault}`)
    const proxy = await startProxy(t, server.url)
    const one = stand(t, namespace, 'one', { client: cluster.through(proxy.url) })
    await leads(one)
    const two = stand(t, namespace, 'two')
    const { signal } = one.election.leadership
    if (fault === 'refuse') proxy.cut()
    proxy[fault]()
    await until('the other to lead', () => {
      const { isLeader } = two.election.leadership
      if (isLeader && one.election.leadership.isLeader) throw new Error('two lead at once')
      return isLeader
    })
    t.match(signal.reason, { kind: 'aborted', reason: 'LeaseLost', message: /was not renewed within 3500 ms/ })
    const lost = one.log.find(({ what }) => what === 'lost')?.atMs ?? Infinity
    const elected = two.log.find(({ what }) => what === 'elected')?.atMs ?? 0
    t.ok(lost < elected, 'the one ends before the other begins')
    if (fault === 'refuse') proxy.accept()
    else proxy.resume()
    await two.stop()
    await leads(one)
    t.equal(one.election.leadership.epoch, 3, 'who comes back begins a new term')
  })
}

t.test('a short fault costs no leadership', async (t) => {
  const namespace = await cluster.namespace('election blip')
  const proxy = await startProxy(t, server.url)
  const one = stand(t, namespace, 'one', { client: cluster.through(proxy.url) })
  await leads(one)
  proxy.refuse()
  proxy.cut()
  await until('a renewal to fail', () => one.log.some(({ what }) => what === 'problem'))
  proxy.accept()
  const before = await readLease(namespace)
  await until('a renewal', async () => (await readLease(namespace)).spec.renewTime !== before.spec.renewTime)
  t.ok(one.election.leadership.isLeader)
  t.notOk(one.log.some(({ what }) => what === 'lost'))
})

t.test('a renewal that is answered with Retry-After is not tried again sooner', async (t) => {
  const namespace = await cluster.namespace('election throttled')
  const askedAtMs: number[] = []
  let isThrottled = false
  const client: KubeClient = {
    ...admin,
    send: async (request) => {
      if (!isThrottled || request.method === 'GET') return admin.send(request)
      askedAtMs.push(performance.now())
      const refusal = { code: 429, reason: 'TooManyRequests', message: 'slow down', causes: [], retryAfterMs: 1_000 }
      return { ok: false, refusal }
    },
  }
  const candidate = stand(t, namespace, 'windlass-1', { client })
  await leads(candidate)
  isThrottled = true
  await until('two tries', () => askedAtMs.length >= 2)
  isThrottled = false
  const [first = 0, second = 0] = askedAtMs

  t.ok(second - first >= 1_000, `the second came ${second - first} ms after the first`)
  t.ok(candidate.election.leadership.isLeader, 'which costs no leadership')
})

t.test('a renewal whose answer is lost is found to have arrived', async (t) => {
  const namespace = await cluster.namespace('election lost answer')
  let losses = 0
  const client: KubeClient = {
    ...admin,
    async send(request) {
      const answer = await admin.send(request)
      if (request.method !== 'PUT' || losses === 2) return answer as never
      losses += 1
      throw new AppError({ kind: 'retryable', reason: 'ApiUnavailable', message: 'the answer is lost' })
    },
  }
  const one = stand(t, namespace, 'one', { client })
  await until('both answers to be lost', () => losses === 2)
  const { renewTime } = (await readLease(namespace)).spec
  await until('a renewal', async () => (await readLease(namespace)).spec.renewTime !== renewTime)
  t.same(
    one.log.map(({ what }) => what),
    ['elected', 'problem', 'problem'],
  )
})

t.test('by the clock, a term is over at its deadline though no timer has fired', async (t) => {
  const namespace = await cluster.namespace('election stopped')
  let skippedMs = 0
  const clock = { ...systemClock, monotonicMs: () => performance.now() + skippedMs }
  const one = stand(t, namespace, 'one', { clock })
  await leads(one)
  const { signal } = one.election.leadership
  const guarded = guardWrites(admin, one.election.leadership)
  const create = {
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/configmaps`,
    body: { metadata: { generateName: 'a-' } },
    what: 'create ConfigMap',
    signal: cluster.signal,
  } as const
  const read = { ...create, method: 'GET', body: undefined, what: 'list' } as const
  t.ok(await guarded.request(create))

  skippedMs += timing.renewDeadlineMs
  await t.rejects(guarded.request(create), { name: 'AppError', kind: 'aborted', reason: 'LeaseLost' })
  t.ok(signal.aborted, 'who looks first ends the term')
  t.match(await guarded.request<KubeObject>(read), { items: { length: 1 } }, 'reading needs no lease')
  await until('the next term', () => one.election.leadership.isLeader)
  t.equal(one.election.leadership.epoch, 2)
  t.ok(await guarded.request(create))
})

t.test('what is on the way when the lease is lost is ended', async (t) => {
  const namespace = await cluster.namespace('election in flight')
  const proxy = await startProxy(t, server.url)
  const one = stand(t, namespace, 'one')
  await leads(one)
  const guarded = guardWrites(cluster.through(proxy.url), one.election.leadership)
  proxy.stall()
  const write = guarded.request({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/configmaps`,
    body: { metadata: { name: 'a' } },
    what: 'create ConfigMap',
    signal: cluster.signal,
  })
  const rejected = t.rejects(write, { name: 'AppError', kind: 'aborted', reason: 'LeaseLost' })
  await admin.request({ ...leaseRequest(namespace), method: 'DELETE' })
  await rejected
})

t.test('a lease that was deleted or given to another is lost at once', async (t) => {
  const namespace = await cluster.namespace('election taken')
  const one = stand(t, namespace, 'one')
  await leads(one)
  await admin.request({ ...leaseRequest(namespace), method: 'DELETE' })
  await until('the loss', () => one.log.some(({ what }) => what === 'lost'))
  t.match(one.log[1]?.error, { reason: 'LeaseLost', message: /is gone/ })
  await leads(one)
  t.equal((await readLease(namespace)).spec.leaseTransitions, 2, 'the epoch grows although the lease is a new one')

  await admin.request({
    ...leaseRequest(namespace),
    method: 'PATCH',
    body: { spec: { holderIdentity: 'somebody', leaseDurationSeconds: 1 } },
    contentType: 'application/merge-patch+json',
  })
  await until('the loss', () => one.log.filter(({ what }) => what === 'lost').length === 2)
  t.match(one.log.at(-1)?.error, { reason: 'LeaseLost', message: /is held by somebody/ })
  await leads(one)
})

t.test('the times in a lease are not believed, only that it does not change', async (t) => {
  const namespace = await cluster.namespace('election clocks')
  for (const [index, renewTime] of ['2001-01-01T00:00:00.000000Z', '2101-01-01T00:00:00.000000Z'].entries()) {
    const spec = { holderIdentity: 'dead_1', leaseDurationSeconds: 1, leaseTransitions: 7, renewTime }
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
    const other = await cluster.namespace(`election clock ${index}`)
    await cluster.create(path.replace(namespace, other), { metadata: { name: 'windlass' }, spec })
    const beganAtMs = performance.now()
    const one = stand(t, other, 'one')
    await leads(one)
    t.ok((one.log[0]?.atMs ?? 0) - beganAtMs >= 1_000, 'its duration is waited for')
    t.equal(one.election.leadership.epoch, 8)
  }
})

t.test('a process that was killed is followed at once by the next of the same pod', async (t) => {
  const namespace = await cluster.namespace('election restart')
  const spec = { holderIdentity: 'one_0', leaseDurationSeconds: 3_600, leaseTransitions: 4 }
  await cluster.create(`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`, {
    metadata: { name: 'windlass' },
    spec,
  })
  const one = stand(t, namespace, 'one')
  await leads(one)
  t.match((await readLease(namespace)).spec, { holderIdentity: 'one_1', leaseTransitions: 5 })
})

t.test('of many that stand at once, one leads', async (t) => {
  const namespace = await cluster.namespace('election crowd')
  const candidates = Array.from({ length: 5 }, (_, index) => stand(t, namespace, `pod-${index}`))
  for (let round = 1; round <= 3; round += 1) {
    await until('a leader', () => candidates.some(({ election }) => election.leadership.isLeader))
    const leaders = candidates.filter(({ election }) => election.leadership.isLeader)
    t.equal(leaders.length, 1)
    t.equal(leaders[0]?.election.leadership.epoch, round)
    await leaders[0]?.stop()
  }
})

t.test('these rights are enough, all but creation on that one lease', async (t) => {
  const namespace = await cluster.namespace('election rights')
  const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'] }
  const account = await cluster.tenant(namespace, 'reconciler', [
    { ...leases, verbs: ['create'] },
    ...['get', 'list', 'watch', 'update'].map((verb) => ({ ...leases, verbs: [verb], resourceNames: ['windlass'] })),
    { apiGroups: [''], resources: ['pods'], verbs: ['patch'] },
  ])
  const client = await cluster.clientOf(account)
  const one = stand(t, namespace, 'one', { client })
  await leads(one)
  const two = stand(t, namespace, 'two', { client })
  await one.stop()
  await leads(two)
  t.same(
    [...one.log, ...two.log].filter(({ what }) => what === 'problem'),
    [],
  )
})

t.test('the leader’s pod carries the label while it leads', async (t) => {
  const namespace = await cluster.namespace('leader label')
  await cluster.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'default' } })
  const pods = `/api/v1/namespaces/${namespace}/pods`
  await cluster.create(pods, {
    metadata: { name: 'one', labels: { app: 'windlass' } },
    spec: { containers: [{ name: 'main', image: 'a:1' }] },
  })
  const labels = async () =>
    (await admin.request<KubeObject>({ method: 'GET', path: `${pods}/one`, what: 'read', signal })).metadata.labels
  const set = (isLeader: boolean) => setLeaderLabel(admin, { namespace, podName: 'one', isLeader, signal })
  await set(true)
  t.same(await labels(), { app: 'windlass', [leaderLabel]: 'true' })
  await set(false)
  await set(false)
  t.same(await labels(), { app: 'windlass' })
})
