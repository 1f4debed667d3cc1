import t from 'tap'
import { RequestGate, type GateClock, type GateOptions } from './request-gate.ts'

const forever = new AbortController().signal

/** Time passes only by sleeping, and then at once. */
function virtualClock(): GateClock & { advance(ms: number): void } {
  let nowMs = 0
  return {
    now: () => nowMs,
    random: () => 0.5,
    sleep(ms, signal) {
      signal.throwIfAborted()
      nowMs += ms
      return Promise.resolve()
    },
    advance(ms) {
      nowMs += ms
    },
  }
}

function gate(options: Partial<GateOptions> = {}) {
  const clock = virtualClock()
  return {
    clock,
    gate: new RequestGate({
      registry: 'contoso.azurecr.io',
      limits: { perMinute: 60, burst: 2 },
      referrerLimits: { perMinute: 6, burst: 1 },
      concurrency: 10,
      longestPauseMs: 5_000,
      longestLineMs: 5_000,
      clock,
      ...options,
    }),
  }
}

t.test('a burst goes out at once, what comes then at the even rate', async (t) => {
  const { gate: requests, clock } = gate()
  const times: number[] = []
  for (let i = 0; i < 4; i += 1) {
    await requests.enter('read', forever)
    times.push(clock.now())
  }
  t.strictSame(times, [0, 0, 1000, 2000])
})

t.test('those who wait are served in the order in which they came', async (t) => {
  const { gate: requests } = gate()
  const order: number[] = []
  await Promise.all(
    [0, 1, 2, 3, 4].map(async (i) => {
      await requests.enter('read', forever)
      order.push(i)
    }),
  )
  t.strictSame(order, [0, 1, 2, 3, 4])
})

t.test('whoever would wait too long is told when to come back', async (t) => {
  const { gate: requests } = gate({ longestLineMs: 500 })
  await requests.enter('read', forever)
  await requests.enter('read', forever)
  await t.rejects(requests.enter('read', forever), {
    name: 'AppError',
    kind: 'retryable',
    reason: 'RegistryThrottled',
    retryAfterMs: 1050,
    message: 'contoso.azurecr.io has more asked of it than its budget; the next request goes out in 1 s',
  })
})

t.test('a line that is too long takes no more', async (t) => {
  const { gate: requests } = gate({
    longestLineMs: 3_000,
    clock: { ...virtualClock(), sleep: () => new Promise(() => {}) },
  })
  const refused: unknown[] = []
  for (let i = 0; i < 10; i += 1) requests.enter('read', forever).catch((error: unknown) => refused.push(error))
  await new Promise(setImmediate)
  t.ok(refused.length >= 5, `${refused.length} of 10 were sent away`)
  t.match(refused[0], { reason: 'RegistryThrottled' })
})

t.test('while the registry asked us to wait, nothing goes out, and then one by one', async (t) => {
  const { gate: requests, clock } = gate()
  requests.pause(30_000)
  await t.rejects(requests.enter('read', forever), {
    reason: 'RegistryThrottled',
    retryAfterMs: 31_500,
    message: /asked us to slow down; the next request goes out in 30 s/,
  })
  clock.advance(29_000)
  await requests.enter('read', forever)
  t.equal(clock.now(), 30_000)
  await requests.enter('read', forever)
  t.equal(clock.now(), 31_000)
})

t.test('a line may be longer than a pause', async (t) => {
  const { gate: requests, clock } = gate({ longestPauseMs: 500, longestLineMs: 60_000, concurrency: 20 })
  for (let i = 0; i < 12; i += 1) await requests.enter('read', forever)
  t.equal(clock.now(), 10_000)
  requests.pause(1_000)
  await t.rejects(requests.enter('read', forever), { reason: 'RegistryThrottled', message: /asked us to slow down/ })
})

t.test('those who are sent away are not all told the same time', async (t) => {
  const random = [0, 1]
  const { gate: requests } = gate({ clock: { ...virtualClock(), random: () => random.shift() ?? 0 } })
  requests.pause(30_000)
  await t.rejects(requests.enter('read', forever), { message: /slow down/, retryAfterMs: 30_000 })
  await t.rejects(requests.enter('read', forever), { message: /slow down/, retryAfterMs: 33_000 })
})

t.test('no more are under way than may be', async (t) => {
  const { gate: requests } = gate({ limits: { perMinute: 6000, burst: 100 }, concurrency: 2 })
  const leaveFirst = await requests.enter('read', forever)
  await requests.enter('read', forever)
  let entered = 0
  const third = requests.enter('read', forever).then(() => (entered += 1))
  const fourth = requests.enter('read', forever).then(() => (entered += 1))
  await new Promise(setImmediate)
  t.equal(entered, 0)
  leaveFirst()
  leaveFirst()
  await third
  await new Promise(setImmediate)
  t.equal(entered, 1, 'leaving twice makes room for one')
  void fourth
})

t.test('whoever gives up in line holds up nobody and takes no place', async (t) => {
  const { gate: requests } = gate({ limits: { perMinute: 6000, burst: 100 }, concurrency: 1 })
  const leave = await requests.enter('read', forever)
  const impatient = new AbortController()
  const gaveUp = requests.enter('read', impatient.signal)
  const patient = requests.enter('read', forever)
  await new Promise(setImmediate)
  const reason = new Error('no longer wanted')
  impatient.abort(reason)
  await t.rejects(gaveUp, reason)
  leave()
  const leavePatient = await patient
  leavePatient()
  t.type(await requests.enter('read', forever), 'function')
})

t.test('whoever gives up while waiting for its turn lets those behind go in their order', async (t) => {
  const wake: Array<() => void> = []
  const clock = { ...virtualClock(), sleep: () => new Promise<void>((resolve) => wake.push(resolve)) }
  const { gate: requests } = gate({ limits: { perMinute: 60, burst: 1 }, clock })
  await requests.enter('read', forever)
  const order: string[] = []
  const impatient = new AbortController()
  const first = requests.enter('read', forever).then(() => order.push('first'))
  const second = requests.enter('read', impatient.signal).catch(() => order.push('second gave up'))
  const third = requests.enter('read', forever).then(() => order.push('third'))
  await new Promise(setImmediate)
  impatient.abort()
  await second
  t.equal(wake.length, 1, 'only the first in line has a timer')
  clock.advance(1000)
  wake.shift()?.()
  await first
  await new Promise(setImmediate)
  clock.advance(1000)
  wake.shift()?.()
  await third
  t.strictSame(order, ['second gave up', 'first', 'third'])
})

t.test('referrers have a budget of their own and do not hold up reads', async (t) => {
  const sleeps: Array<{ ms: number; wake: () => void }> = []
  const clock = {
    ...virtualClock(),
    sleep: (ms: number) => new Promise<void>((wake) => sleeps.push({ ms, wake })),
  }
  const { gate: requests } = gate({ longestLineMs: 60_000, clock })
  await requests.enter('referrers', forever)
  const waiting = requests.enter('referrers', forever)
  await requests.enter('read', forever)
  t.match(sleeps, [{ ms: 10_000 }])
  clock.advance(10_000)
  sleeps[0]?.wake()
  t.type(await waiting, 'function')
})
