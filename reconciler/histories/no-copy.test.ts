import t from 'tap'
import type { Happening } from './happening.ts'
import { History } from './history.ts'
import type { Nature } from './repository.ts'

t.test('a release of which no copy can be kept waits, and what runs or is rolled out goes on', async (t) => {
  const history = new History({ rollout: { timeout: '2m', onFailure: 'RollBack', logs: true } }, () => {})
  t.teardown(() => history.end())
  const { cluster, clock } = history
  await play(history, push('good'), 60_000)
  await play(history, push('neverReady'), 10_000)
  t.match(cluster.delivery?.status, { current: { tag: 'r1' }, rollout: { phase: 'Waiting', revision: { tag: 'r2' } } })

  cluster.refusesCopies = true
  await play(history, push('good'), 180_000)
  t.match(cluster.delivery?.status?.failed, { revision: { tag: 'r2' } }, 'what is rolled out comes to its end')

  await play(history, { kind: 'hand', hand: 'delete', object: 'ConfigMap/settings' }, 10_000)
  t.ok(cluster.objects.has('ConfigMap/settings'), 'what another hand deleted is made anew')
  const ready = cluster.delivery?.status?.conditions?.find(({ type }) => type === 'Ready')
  t.match(ready, { status: 'False', reason: 'ApiForbidden', message: /exceeded quota/ })

  cluster.refusesCopies = false
  await clock.advance(60_000)
  t.match(cluster.delivery?.status?.current, { tag: 'r3' })
})

async function play(history: History, happening: Happening, ms: number): Promise<void> {
  await history.clock.advance(0)
  await history.play(happening)
  await history.poll()
  await history.clock.advance(ms)
}

function push(nature: Nature): Happening {
  return { kind: 'push', sequence: 'next', bundles: 'one', nature, hasExtra: false }
}
