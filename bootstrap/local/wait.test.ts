import t from 'tap'
import { waitFor } from './wait.ts'

t.test('answers as soon as the check does', async (t) => {
  let calls = 0
  const answer = await waitFor(
    async () => ((calls += 1) === 3 ? 'done' : undefined),
    () => 'never',
    { timeoutMs: 10_000, everyMs: 1 },
  )
  t.same([answer, calls], ['done', 3])
})

t.test('gives up with a description of how it stands', async (t) => {
  const waiting = waitFor(
    async () => undefined,
    async () => 'the moon to fall',
    { timeoutMs: 5, everyMs: 1 },
  )
  await t.rejects(waiting, { message: 'gave up after 0 s: the moon to fall' })
})

t.test('ends at once with what the check throws, or the reason of the abort', async (t) => {
  const fault = new Error('it broke')
  await t.rejects(
    waitFor(
      () => Promise.reject(fault),
      () => '',
      { timeoutMs: 10_000 },
    ),
    fault,
  )
  const abort = new AbortController()
  const reason = new Error('enough')
  const waiting = waitFor(
    async () => undefined,
    () => '',
    { timeoutMs: 60_000, everyMs: 60_000, signal: abort.signal },
  )
  setImmediate(() => abort.abort(reason))
  await t.rejects(waiting, reason)
})
