import t from 'tap'
import { AppError } from '../core/errors.ts'
import { withinTime } from './deadline.ts'
import { FakeClock } from './fake-clock.ts'

function setUp() {
  const clock = new FakeClock()
  const stopping = new AbortController()
  const late = () => new AppError({ kind: 'retryable', reason: 'RegistryUnavailable', message: 'late' })
  return { clock, stopping, deadline: { clock, ms: 1_000, signal: stopping.signal, late } }
}

/** As every port does: it ends when its signal aborts, with the reason. */
async function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

t.test('what is done in time is answered, and no timer is left', async (t) => {
  const { clock, deadline } = setUp()
  t.equal(await withinTime(deadline, async () => 'done'), 'done')
  await t.rejects(
    withinTime(deadline, () => Promise.reject(new Error('failed'))),
    { message: 'failed' },
  )
  t.equal(clock.pending, 0)
})

t.test('what takes longer is aborted, on time and not before', async (t) => {
  const { clock, deadline } = setUp()
  let isOver = false
  const ending = t.rejects(
    withinTime(deadline, hang).finally(() => {
      isOver = true
    }),
    { kind: 'retryable', message: 'late' },
  )
  await clock.advance(999)
  t.equal(isOver, false)
  await clock.advance(1)
  await ending
})

t.test('an end from outside keeps its own reason', async (t) => {
  const { clock, stopping, deadline } = setUp()
  const ending = t.rejects(withinTime(deadline, hang), { message: 'the lease was lost' })
  stopping.abort(new AppError({ kind: 'aborted', reason: 'LeaseLost', message: 'the lease was lost' }))
  await ending
  t.equal(clock.pending, 0)
})
