import t from 'tap'
import { retryDelayMs } from './retry.ts'

const once = { retryAfterMs: undefined, attempt: 1, random: 0 }

t.test('what may pass by itself is tried again soon, and less and less often', async (t) => {
  t.equal(retryDelayMs('retryable', once), 125)
  t.equal(retryDelayMs('retryable', { ...once, attempt: 20 }), 30_000)
})

t.test('no try comes before the time that the other side asked for', async (t) => {
  t.equal(retryDelayMs('retryable', { ...once, retryAfterMs: 9_000 }), 9_000)
  t.equal(retryDelayMs('retryable', { ...once, retryAfterMs: 1 }), 125)
})

t.test('what waits for somebody is looked at about twice a minute', async (t) => {
  t.equal(retryDelayMs('waiting', once), 27_000)
  t.equal(retryDelayMs('waiting', { ...once, random: 0.999_999 }), 33_000)
  t.equal(retryDelayMs('waiting', { ...once, retryAfterMs: 5_000 }), 5_000)
})

t.test('what can not succeed is not tried again', async (t) => {
  t.equal(retryDelayMs('terminal', once), undefined)
})
