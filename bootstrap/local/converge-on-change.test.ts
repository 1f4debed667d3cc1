import { pino } from 'pino'
import type { Test } from 'tap'
import t from 'tap'
import type { ConvergeLoop } from './converge-on-change.ts'
import { convergeOnChange } from './converge-on-change.ts'
import { waitFor } from './wait.ts'

const log = pino({ level: 'silent' })

function startLoop(t: Test, converge: () => Promise<void>): ConvergeLoop & { stop(): Promise<void> } {
  const end = new AbortController()
  const loop = convergeOnChange({ settleMs: 20, converge, log, signal: end.signal })
  const stop = (): Promise<void> => {
    end.abort()
    return loop.ended
  }
  t.teardown(stop)
  return { ...loop, stop }
}

async function untilCalled(calls: () => number, count: number): Promise<void> {
  await waitFor(
    async () => calls() >= count || undefined,
    () => `${count} calls, and there were ${calls()}`,
    { timeoutMs: 10_000, everyMs: 5 },
  )
}

t.test('a burst of changes is one call, and a later change another', async (t) => {
  let calls = 0
  const loop = startLoop(t, async () => void (calls += 1))

  for (let index = 0; index < 10; index += 1) loop.wake()
  await untilCalled(() => calls, 1)
  t.equal(calls, 1)
  loop.wake()
  await untilCalled(() => calls, 2)
  t.equal(calls, 2)
})

t.test('a change during a call leads to another call after it, not beside it', async (t) => {
  let calls = 0
  let running = 0
  let most = 0
  const gate = Promise.withResolvers<void>()
  const loop = startLoop(t, async () => {
    calls += 1
    running += 1
    most = Math.max(most, running)
    await gate.promise
    running -= 1
  })

  loop.wake()
  await untilCalled(() => calls, 1)
  loop.wake()
  gate.resolve()
  await untilCalled(() => calls, 2)
  t.equal(most, 1)
})

t.test('a call that failed is made again without a change', async (t) => {
  let calls = 0
  const loop = startLoop(t, async () => {
    calls += 1
    if (calls === 1) throw new Error('once')
  })

  loop.wake()
  await untilCalled(() => calls, 2)
  t.equal(calls, 2)
})

t.test('it ends with its signal, after the call under way', async (t) => {
  let isDone = false
  const started = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const loop = startLoop(t, async () => {
    started.resolve()
    await gate.promise
    isDone = true
  })

  loop.wake()
  await started.promise
  const end = loop.stop()
  t.notOk(isDone)
  gate.resolve()
  await end
  t.ok(isDone)
})

t.test('it ends while nothing happens', async (t) => {
  let calls = 0
  await startLoop(t, async () => void (calls += 1)).stop()

  t.equal(calls, 0)
})
