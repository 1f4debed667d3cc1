import t from 'tap'
import { systemClock } from './clock.ts'

t.test('a sleep ends at once when its signal aborts, with the reason of the abort', async (t) => {
  const controller = new AbortController()
  const reason = new Error('leaving')

  const asleep = systemClock.sleep(60_000, controller.signal)
  controller.abort(reason)

  await t.rejects(asleep, reason)
})

t.test('a sleep under an aborted signal does not begin', async (t) => {
  const reason = new Error('left')

  await t.rejects(systemClock.sleep(60_000, AbortSignal.abort(reason)), reason)
})

t.test('a cancelled timer never calls back, one that is not cancelled does', async (t) => {
  const called: string[] = []
  systemClock.after(1, () => called.push('cancelled'))()
  await new Promise<void>((resolve) => {
    systemClock.after(5, () => {
      called.push('kept')
      resolve()
    })
  })

  t.same(called, ['kept'])
})

t.test('the monotonic clock does not go back', async (t) => {
  const before = systemClock.monotonicMs()

  await systemClock.sleep(1, new AbortController().signal)

  t.ok(systemClock.monotonicMs() >= before)
})
