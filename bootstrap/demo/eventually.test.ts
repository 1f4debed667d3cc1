import t from 'tap'
import { eventually } from './eventually.ts'
import { notOk, ok } from './step.ts'

const signal = new AbortController().signal

t.test('answers the first look that is ok', async (t) => {
  let looks = 0
  const verdict = await eventually(async () => (++looks < 3 ? notOk('not yet') : ok('there')), {
    timeoutMs: 5_000,
    signal,
  })
  t.same(verdict, ok('there'))
  t.equal(looks, 3)
})

t.test('answers the last look when the time is up, and counts one that throws as not ok', async (t) => {
  const verdict = await eventually(() => Promise.reject(new Error('no', { cause: new Error('connection refused') })), {
    timeoutMs: 0,
    signal,
  })
  t.same(verdict, notOk('no: connection refused'))
})

t.test('ends at once when its signal aborts', async (t) => {
  const controller = new AbortController()
  const waiting = eventually(async () => notOk('never'), { timeoutMs: 60_000, signal: controller.signal })
  controller.abort()
  await t.rejects(waiting, { name: 'AbortError' })
})
