import t from 'tap'
import { History } from './history.ts'
import { playFor, push } from './test-happenings.ts'

t.test('a release of which no copy can be kept waits, and what runs or is rolled out goes on', async (t) => {
  const history = new History({ rollout: { timeout: '2m', onFailure: 'RollBack', logs: true } }, () => {})
  t.teardown(() => history.end())
  const { cluster, clock } = history
  await playFor(history, 60_000, push())
  await playFor(history, 10_000, push({ nature: 'neverReady' }))
  t.match(cluster.delivery?.status, { current: { tag: 'r1' }, rollout: { phase: 'Waiting', revision: { tag: 'r2' } } })

  cluster.refusesCopies = true
  await playFor(history, 180_000, push())
  t.match(cluster.delivery?.status?.failed, { revision: { tag: 'r2' } }, 'what is rolled out comes to its end')

  await playFor(history, 10_000, { kind: 'hand', hand: 'delete', object: 'ConfigMap/settings' })
  t.ok(cluster.objects.has('ConfigMap/settings'), 'what another hand deleted is made anew')
  const ready = cluster.delivery?.status?.conditions?.find(({ type }) => type === 'Ready')
  t.match(ready, { status: 'False', reason: 'ApiForbidden', message: /exceeded quota/ })

  cluster.refusesCopies = false
  await clock.advance(60_000)
  t.match(cluster.delivery?.status?.current, { tag: 'r3' })
})
