import t from 'tap'
import { AppError } from '../src/core/errors.ts'
import type { Happening } from './happening.ts'
import { History } from './history.ts'
import { playFor, push } from './test-happenings.ts'

const refusal = new AppError({ kind: 'terminal', reason: 'ApplyRefused', message: 'field is immutable' })

t.test('a pause ends at its time, also where a correction is refused for good', async (t) => {
  const { history, play, isStalled } = setUp()
  await play(push())
  await play({ kind: 'pause', on: 'delivery', value: 120, mode: 'releases' })
  await play({ kind: 'hand', hand: 'change', object: 'ConfigMap/settings' })
  await play(push())
  t.ok(isStalled())
  t.match(history.cluster.delivery?.status?.current, { tag: 'r1' })

  await history.clock.advance(120_000)
  t.match(history.cluster.delivery?.status?.current, { tag: 'r2' })
})

t.test('late manifests are awaited, also where a correction is refused for good', async (t) => {
  const { history, play, isStalled } = setUp()
  await play(push())
  await play(push({ bundles: 'none' }))
  await play({ kind: 'hand', hand: 'change', object: 'ConfigMap/settings' })
  t.ok(isStalled())

  await play({ kind: 'attach', push: 0 })
  await history.clock.advance(60_000)
  t.match(history.cluster.delivery?.status?.current, { tag: 'r2' })
})

t.test('late manifests are awaited, also while a rollout is that gets nowhere', async (t) => {
  const { history, play } = setUp()
  await play(push())
  await play(push({ nature: 'neverReady' }))
  await play(push({ bundles: 'none' }))
  t.match(history.cluster.delivery?.status?.rollout, { phase: 'Waiting', revision: { tag: 'r2' } })

  await play({ kind: 'attach', push: 0 })
  t.match(history.cluster.delivery?.status, { current: { tag: 'r3' }, history: [{}, { outcome: 'Superseded' }] })
})

t.test('a clock that is set back puts off no release', async (t) => {
  const { history, play } = setUp()
  await play(push())
  await play(push({ bundles: 'none' }))
  await play({ kind: 'stepClock', ms: -3_600_000 })

  await play({ kind: 'attach', push: 0 })
  await history.clock.advance(60_000)
  t.match(history.cluster.delivery?.status?.current, { tag: 'r2' })
})

/** Nothing is taken but what belongs to a rollout. */
function setUp() {
  const history = new History({ rollout: { timeout: '10m', onFailure: 'RollBack', logs: true } }, () => {})
  t.teardown(() => history.end())
  const { cluster } = history
  cluster.refusalOf = () => (cluster.delivery?.status?.rollout === undefined ? refusal : undefined)
  const play = (happening: Happening) => playFor(history, 10_000, happening)
  const isStalled = () =>
    cluster.delivery?.status?.conditions?.some(
      ({ type, status, reason }) => type === 'Stalled' && status === 'True' && reason === 'ApplyRefused',
    )
  return { history, play, isStalled }
}
