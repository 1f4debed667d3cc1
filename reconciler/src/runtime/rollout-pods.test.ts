import t, { type Test } from 'tap'
import type { KubeObject } from '../api/object.ts'
import type { LogRequest, PodSource, Tenant, Watch } from '../kube/ports.ts'
import { FakeClock } from './fake-clock.ts'
import { mostWatchedOfNamespace as most, RolloutPods } from './rollout-pods.ts'

/** An API server without pods, that knows who follows which workload. */
class NoPods implements Pick<PodSource, 'watchPods' | 'lastLog'> {
  readonly followed = new Map<string, Set<string>>()
  /** What is answered to each reading of a log, in turn. */
  readonly logs: (string | undefined)[] = []
  readonly logsAsked: ('previous' | 'current')[] = []

  async lastLog({ wantsPreviousLog }: LogRequest): Promise<string | undefined> {
    this.logsAsked.push(wantsPreviousLog ? 'previous' : 'current')
    return this.logs.shift()
  }

  watchPods(workload: KubeObject, { namespace }: Tenant, _: unknown, signal: AbortSignal): Watch<KubeObject> {
    const names = this.followed.get(namespace) ?? new Set()
    this.followed.set(namespace, names.add(workload.metadata.name))
    signal.addEventListener('abort', () => names.delete(workload.metadata.name), { once: true })
    return { synced: Promise.resolve(), problem: undefined, get: () => undefined, list: () => [] }
  }
}

function setUp(t: Test) {
  const pods = new NoPods()
  const clock = new FakeClock()
  const term = new AbortController()
  const { signal } = term
  const back: string[] = []
  const rollouts = new RolloutPods({
    pods: pods as Partial<PodSource> as PodSource,
    clock,
    onChange: (key) => back.push(key),
    onProblem: (key, error) => t.fail(`${key}: ${error.message}`),
    signal,
  })
  t.teardown(() => rollouts.close())
  const look = (key: string, names: readonly string[]) => {
    const tenant = { namespace: key.split('/')[0] ?? '', serviceAccountName: 'deployer' }
    return rollouts.look(key, { workloads: names.map(statefulSet), bundled: new Set(), sinceMs: 0, tenant }, signal)
  }
  const followed = (namespace: string) => [...(pods.followed.get(namespace) ?? [])]
  return { pods, rollouts, clock, signal, back, look, followed, end: () => term.abort() }
}

/** Without a replica it makes no pod that could be a puzzle. */
function statefulSet(name: string): KubeObject {
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, uid: `uid-${name}` }, spec: { replicas: 0 } }
}

function names(count: number, prefix = 's'): readonly string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n}`)
}

t.test('as many workloads as may be are followed, and not one more', async (t) => {
  const { look, followed } = setUp(t)

  t.equal((await look('team/web', names(most))).blind, undefined)
  t.equal(followed('team').length, most)

  const { blind } = await look('team/web', names(most + 1))
  t.match(blind, /of a Namespace the pods of 48 workloads are followed at a time, and there are more/)
  t.same(followed('team'), names(most))
})

t.test('a workload that is ready makes room for one that is not, and nobody else is given up', async (t) => {
  const { look, followed } = setUp(t)
  await look('team/web', names(most + 2))

  await look('team/web', names(most + 2).slice(1))
  t.same(followed('team'), names(most + 1).slice(1))

  await look('team/web', names(most + 2))
  t.same(followed('team'), names(most + 1).slice(1), 'one that comes back waits for its turn')
})

t.test('all Deliveries of a Namespace share it, and those of another are not touched', async (t) => {
  const { rollouts, look, followed } = setUp(t)
  await look('team/a', names(most - 1))

  t.match((await look('team/b', names(2, 'b'))).blind, /there are more/)
  t.equal((await look('other/web', names(most))).blind, undefined)
  t.equal(followed('team').length, most)

  rollouts.release('team/a')
  t.equal((await look('team/b', names(2, 'b'))).blind, undefined)
  t.same(followed('team'), names(2, 'b'))
})

t.test('what was left out is looked at again after a while, though no event tells of it', async (t) => {
  const { clock, back, look } = setUp(t)
  await look('team/web', names(most + 1))
  t.same(back, [])

  await clock.advance(15_000)
  t.same(back, ['team/web'])
})

t.test('when a term ends no timer is left, whoever looks on', async (t) => {
  const { rollouts, clock, back, look, end } = setUp(t)
  await look('team/a', names(most))
  await look('team/b', names(1, 'b'))
  t.equal(clock.pending, 1, 'nothing of team/b is followed, and it is looked at again')

  end()
  rollouts.close()
  t.equal(clock.pending, 0)

  await look('team/b', names(most + 1, 'b')).catch(() => {})
  await clock.advance(15_000)
  t.same(back, [])
})

t.test(
  'what a container that crashed wrote is read once more where it was cleared away and the next wrote nothing',
  async (t) => {
    const { pods, rollouts, clock, signal } = setUp(t)
    const tenant = { namespace: 'team', serviceAccountName: 'deployer' }
    const culprit = { pod: 'web-1', container: 'web', wantsPreviousLog: true }
    pods.logs.push(undefined, undefined, 'no database')

    const log = rollouts.lastLog('team/web', culprit, tenant, signal)
    await clock.advance(1_000)

    t.equal(await log, 'no database')
    t.same(pods.logsAsked, ['previous', 'current', 'previous'])
    t.equal(await rollouts.lastLog('team/web', { ...culprit, wantsPreviousLog: false }, tenant, signal), undefined)
  },
)
