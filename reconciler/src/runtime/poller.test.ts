import { once } from 'node:events'
import t, { type Test } from 'tap'
import { AppError } from '../core/errors.ts'
import { knownReleases, knownSinceMs } from '../core/releases.ts'
import { repository, running } from '../core/test-builders.ts'
import { createLog } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { Poller, type PollSubject } from './poller.ts'
import { TestRegistry } from './test-registry.ts'

const key = 'team/web'

t.test('a new Delivery is polled at once', async (t) => {
  const { registry, poller, changed } = setUp(t)
  registry.push()

  poller.follow(key, subject())
  await settle()

  t.same(changed, [key])
  t.match(poller.view(key).images, [{ tag: 'r1', sequence: 1 }])
})

t.test('before the first poll nothing is known', async (t) => {
  const { poller } = setUp(t)

  poller.follow(key, subject())

  t.same(poller.view(key), {})
  t.same(poller.view('nobody/knows'), {})
})

t.test('an empty repository is told once', async (t) => {
  const { poller, changed, tick } = setUp(t)
  poller.follow(key, subject())
  await settle()

  await tick()

  t.same(poller.view(key), { images: [] })
  t.same(changed, [key])
})

t.test('an unchanged registry costs one request and tells nobody', async (t) => {
  const { registry, poller, changed, tick } = setUp(t)
  registry.push()
  poller.follow(key, subject())
  await settle()
  registry.asked.length = 0

  await tick()

  t.same(registry.asked, ['scan'])
  t.same(changed, [key])
})

t.test('a push is told at the next poll, and its manifest read once', async (t) => {
  const { registry, poller, changed, tick } = setUp(t)
  registry.push()
  poller.follow(key, subject())
  await settle()
  const { digest } = registry.push()
  registry.asked.length = 0

  await tick()
  await tick()

  t.same(registry.asked, ['scan', `image ${digest}`, 'scan'])
  t.same(changed, [key, key])
  t.match(poller.view(key).images, [{ tag: 'r2' }, { tag: 'r1' }])
})

t.test('a poll that fails keeps what was seen, and says so beside it', async (t) => {
  const { registry, poller, changed, tick } = setUp(t)
  registry.push()
  poller.follow(key, subject())
  await settle()
  registry.push()
  registry.failure = unavailable()

  await tick()

  t.match(poller.view(key), { images: [{ tag: 'r1' }], problem: { reason: 'RegistryUnavailable', kind: 'retryable' } })
  t.equal(poller.view(key).images?.length, 1)
  t.equal(changed.length, 2)
})

t.test('a read that fails in the middle is no read', async (t) => {
  const { registry, poller, tick } = setUp(t)
  registry.push()
  poller.follow(key, subject())
  await settle()
  registry.push()
  const image = registry.image.bind(registry)
  registry.image = () => Promise.reject(unavailable())

  await tick()
  t.equal(poller.view(key).images?.length, 1)

  registry.image = image
  await tick(10_000)
  t.match(poller.view(key), { images: [{ tag: 'r2' }, { tag: 'r1' }] })
  t.notOk(poller.view(key).problem)
})

t.test('a failure is told once, however often it is met', async (t) => {
  const { registry, poller, changed, tick } = setUp(t)
  registry.failure = unavailable()
  poller.follow(key, subject())
  await settle()

  for (let n = 0; n < 5; n += 1) await tick(60_000)

  t.same(changed, [key])
})

t.test('after a failure it tries again before the schedule would', async (t) => {
  const { registry, poller, clock } = setUp(t)
  registry.failure = unavailable()
  poller.follow(key, subject())
  await settle()
  registry.failure = undefined
  registry.push()

  await clock.advance(1_000)

  t.match(poller.view(key).images, [{ tag: 'r1' }])
})

t.test('while the registry asks for time, no poll goes out, not even one that is asked for', async (t) => {
  const { registry, poller, clock, tick } = setUp(t)
  registry.failure = unavailable(30_000)
  poller.follow(key, subject())
  await settle()
  registry.failure = undefined
  registry.asked.length = 0

  for (let n = 0; n < 5; n += 1) await tick(5_000)
  poller.pollNow(key)
  await settle()
  t.same(registry.asked, [])

  await clock.advance(5_000)
  t.same(registry.asked, ['scan'])
})

t.test(
  'at a poll every five seconds, 429 with Retry-After 30 for two minutes costs five requests at most',
  async (t) => {
    for (const random of [0, 0.999]) {
      const { registry, poller, clock, tick } = setUp(t, { random, jitterMs: 1_000 })
      registry.failure = new AppError({
        kind: 'retryable',
        reason: 'RegistryThrottled',
        message: '429',
        retryAfterMs: 30_000,
      })
      poller.follow(key, subject())
      await settle()

      for (let n = 0; n < 24; n += 1) await tick(5_000)

      t.equal(registry.asked.length, 5, 'at once, and after 30, 60, 90 and 120 seconds')
      registry.failure = undefined
      registry.push()
      await clock.advance(30_000)
      t.match(poller.view(key).images, [{ tag: 'r1' }], 'it recovers by itself')
    }
  },
)

t.test('where we are refused, the schedule alone tries again', async (t) => {
  const { registry, poller, clock, tick } = setUp(t)
  registry.failure = new AppError({ kind: 'waiting', reason: 'RegistryForbidden', message: '403' })
  poller.follow(key, subject())
  await settle()

  await clock.advance(600_000)
  t.same(registry.asked, ['scan'])

  await tick()
  t.same(registry.asked, ['scan', 'scan'])
})

t.test('an image that can not be run does not fail the poll', async (t) => {
  const { registry, poller } = setUp(t)
  registry.spoil(registry.push().digest)

  poller.follow(key, subject())
  await settle()

  t.match(poller.view(key), { images: [{ tag: 'r1', problem: /no image/ }] })
})

t.test('after a restart all since highWater is read, and no manifest of what is older', async (t) => {
  const { registry, poller } = setUp(t)
  for (let n = 0; n < 3; n += 1) registry.push()

  poller.follow(key, subject(2))
  await settle()

  t.match(poller.view(key).images, [{ tag: 'r3' }, { tag: 'r2' }])
  t.equal(registry.asked.filter((what) => what.startsWith('image')).length, 1)
})

t.test('when highWater moves on, what is older is forgotten at the next poll', async (t) => {
  const { registry, poller, tick } = setUp(t)
  for (let n = 0; n < 3; n += 1) registry.push()
  poller.follow(key, subject())
  await settle()

  poller.follow(key, subject(3))
  await tick()

  t.same(
    poller.view(key).images?.map(({ tag }) => tag),
    ['r3'],
  )
})

t.test('when a pin moves highWater back, what lies above it is read again', async (t) => {
  const { registry, poller } = setUp(t)
  for (let n = 0; n < 3; n += 1) registry.push()
  poller.follow(key, subject(3))
  await settle()

  poller.follow(key, subject(1))
  t.equal(poller.view(key).images, undefined, 'what was seen is not all that counts now')
  await settle()

  t.same(
    poller.view(key).images?.map(({ tag, sequence }) => [tag, sequence]),
    [
      ['r3', 3],
      ['r2', 2],
      ['r1', undefined],
    ],
  )
})

t.test('a poll under way when highWater moves is done again', async (t) => {
  const { registry, poller } = setUp(t)
  for (let n = 0; n < 3; n += 1) registry.push()
  const gate = Promise.withResolvers<void>()
  registry.gate = gate.promise
  poller.follow(key, subject(3))
  await settle()

  poller.follow(key, subject(1))
  gate.resolve()
  await settle()

  t.same(poller.view(key).images?.length, 3)
})

t.test('where the newest tag was deleted all is read anew, and it does not count any more', async (t) => {
  const { registry, poller, changed, tick } = setUp(t)
  for (let n = 0; n < 3; n += 1) registry.push()
  poller.follow(key, subject())
  await settle()
  registry.delete('r2')
  registry.delete('r3')
  registry.asked.length = 0

  await tick()

  t.same(
    poller.view(key).images?.map(({ tag }) => tag),
    ['r1'],
  )
  t.same(registry.asked, ['scan', 'scan'], 'no manifest is read twice')
  t.same(changed, [key, key])
  await tick()
  t.same(registry.asked.slice(2), ['scan'], 'and all is as ever')
})

t.test('a rescan finds that a tag was deleted', async (t) => {
  const { registry, poller, tick } = setUp(t)
  registry.push()
  registry.push()
  poller.follow(key, subject())
  await settle()
  registry.delete('r1')
  await tick()
  t.equal(poller.view(key).images?.length, 2, 'the head is the same, so nothing was read')

  poller.rescan(key)
  await settle()

  t.match(poller.view(key).images, [{ tag: 'r2' }])
  t.equal(poller.view(key).images?.length, 1)
})

t.test('another repository is read from the beginning', async (t) => {
  const { registry, poller, changed } = setUp(t)
  registry.push()
  poller.follow(key, subject())
  await settle()

  poller.follow(key, { ...subject(), repository: 'fabrikam.azurecr.io/web' })
  t.same(poller.view(key), {}, 'nothing of the old one counts')
  await settle()

  t.equal(changed.length, 2)
})

t.test('another schedule takes the place of the one before, from a poll at once', async (t) => {
  const { registry, poller, schedules } = setUp(t)
  poller.follow(key, subject())
  await settle()
  registry.asked.length = 0

  poller.follow(key, { ...subject(), schedule: '0 * * * *' })
  await settle()

  t.same([...schedules.keys()], ['0 * * * *'])
  t.same(registry.asked, ['scan'])
})

t.test('a Delivery that is gone is not polled any more', async (t) => {
  const { registry, poller, schedules, clock } = setUp(t)
  registry.failure = unavailable()
  poller.follow(key, subject())
  await settle()
  registry.asked.length = 0

  poller.forget(key)
  await clock.advance(600_000)

  t.same(registry.asked, [])
  t.equal(schedules.size, 0)
})

t.test('of one repository one poll is under way at a time', async (t) => {
  const { registry, poller } = setUp(t)
  const gate = Promise.withResolvers<void>()
  registry.gate = gate.promise

  poller.follow('team/a', subject())
  poller.follow('team/b', subject())
  await settle()
  t.same(registry.asked, ['scan'])

  gate.resolve()
  await settle()
  t.same(registry.asked, ['scan', 'scan'])
})

t.test('however many wait for a repository that does not answer, the others are polled', async (t) => {
  const { registry, poller, changed } = setUp(t)
  const scan = registry.scan.bind(registry)
  const gate = Promise.withResolvers<void>()
  const asked: string[] = []
  registry.scan = async (request, signal) => {
    asked.push(request.repository)
    if (request.repository === repository) await gate.promise
    return scan(request, signal)
  }
  const many = Array.from({ length: 40 }, (_, n) => `team/a${n}`)
  for (const one of many) poller.follow(one, subject())
  await settle()

  poller.follow('other/web', { ...subject(), repository: 'fabrikam.azurecr.io/web' })
  await settle()
  t.same(asked, [repository, 'fabrikam.azurecr.io/web'])
  t.same(changed, ['other/web'])

  poller.forget('team/a7')
  gate.resolve()
  for (let n = 0; n < many.length; n += 1) await settle()
  const rest = many.filter((one) => one !== 'team/a7')
  t.same(changed, ['other/web', ...rest], 'in their order, and none for one that is gone')
})

t.test('however many repositories of a registry do not answer, another registry is polled', async (t) => {
  const { registry, poller, changed } = setUp(t)
  const scan = registry.scan.bind(registry)
  const asked: string[] = []
  registry.scan = async (request, signal) => {
    asked.push(request.repository)
    if (request.repository.startsWith('hangs.')) await once(signal, 'abort')
    return scan(request, signal)
  }
  for (let n = 0; n < 40; n += 1) {
    poller.follow(`team/a${n}`, { ...subject(), repository: `hangs.azurecr.io/a${n}` })
  }
  await settle()
  t.equal(asked.length, 16, 'as many of it as are polled at once')

  poller.follow('other/web', subject())
  await settle()
  t.same(asked.slice(16), [repository])
  t.same(changed, ['other/web'])
})

t.test('on abort the poll under way ends, and nothing is left', async (t) => {
  const { registry, poller, schedules, abort, ended, clock, changed } = setUp(t)
  registry.push()
  poller.follow(key, subject())
  await settle()
  registry.scan = (_, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  poller.pollNow(key)
  await settle()

  abort()
  await ended

  t.equal(schedules.size, 0)
  t.equal(clock.pending, 0)
  t.same(changed, [key])
})

t.test('jitter puts a poll off by a part of the time to the next', async (t) => {
  const { registry, poller, schedules, clock } = setUp(t, { random: 0.5, jitterMs: 10_000 })
  poller.follow(key, subject())
  await settle()
  registry.asked.length = 0

  for (const call of schedules.values()) call(30_000)
  await clock.advance(1_499)
  t.same(registry.asked, [])

  await clock.advance(1)
  t.same(registry.asked, ['scan'])
})

t.test('too many tags are told, and not counted again and again until highWater moves', async (t) => {
  const { registry, poller, metrics, tick } = setUp(t)
  const scan = registry.scan.bind(registry)
  registry.scan = (request, signal) => scan(request, signal).then(() => ({ kind: 'tooMany', atLeast: 501 }))
  poller.follow(key, subject())
  await settle()
  t.match(poller.view(key).problem, { kind: 'terminal', reason: 'TooManyTags', message: /501 or more/ })
  t.notOk(poller.view(key).images)
  registry.asked.length = 0

  await tick()
  t.same(registry.asked, [])

  registry.scan = scan
  registry.push()
  poller.follow(key, subject(1))
  t.match((await metrics.expose()).body, 'windlass_next_poll_timestamp_seconds{', 'however seldom its schedule is')
  await settle()
  t.match(poller.view(key).images, [{ tag: 'r1' }])
  t.notOk(poller.view(key).problem)
})

t.test('polls are counted by the registry that was asked', async (t) => {
  const { registry, poller, metrics } = setUp(t)
  registry.push()
  poller.follow(key, subject())
  await settle()
  registry.scan = () =>
    Promise.reject(new AppError({ kind: 'waiting', reason: 'RegistryForbidden', message: 'no right to read it' }))
  poller.follow('other/web', { ...subject(), repository: 'fabrikam.azurecr.io/web' })
  await settle()

  const { body } = await metrics.expose()
  const counted = body.split('\n').filter((line) => /^windlass_polls_total\{.* [1-9]/.test(line))
  t.same(
    counted.map((line) => /registry="([a-z.]+)",result="(\w+)"/.exec(line)?.slice(1)),
    [
      ['contoso.azurecr.io', 'changed'],
      ['fabrikam.azurecr.io', 'failed'],
    ],
  )
})

t.test('a repository that is not there yet is no failure: when it is asked for again is told', async (t) => {
  const { registry, poller, metrics, clock } = setUp(t)
  registry.failure = new AppError({ kind: 'waiting', reason: 'RepositoryNotFound', message: '404' })

  poller.follow(key, subject())
  await settle()

  const { body } = await metrics.expose()
  t.match(body, 'windlass_polls_total{registry="contoso.azurecr.io",result="notFound"} 1')
  t.notMatch(body, 'result="failed"')
  const labels = '{delivery_namespace="team",delivery="web"}'
  t.match(body, `windlass_next_poll_timestamp_seconds${labels} ${clock.nowMs() / 1000 + 30}`)
  t.notMatch(body, `windlass_last_good_poll_timestamp_seconds${labels}`, 'it was not read completely')
})

t.test('until a first poll succeeds it is due since it was to begin', async (t) => {
  const { registry, poller, metrics, clock, tick } = setUp(t)
  const due = `windlass_next_poll_timestamp_seconds{delivery_namespace="team",delivery="web"} ${clock.nowMs() / 1_000}`
  registry.failure = unavailable()

  poller.follow(key, subject())
  await settle()
  t.match((await metrics.expose()).body, due)

  await tick()
  t.match((await metrics.expose()).body, due)
})

t.test('of what is polled no more nothing says when it is due', async (t) => {
  const { registry, poller, metrics } = setUp(t)
  const isTold = async () => (await metrics.expose()).body.includes('windlass_next_poll_timestamp_seconds{')
  const scan = registry.scan.bind(registry)
  const read = async () => {
    poller.follow(key, subject())
    poller.rescan(key)
    await settle()
  }
  await read()
  t.ok(await isTold())

  poller.forget(key)
  t.notOk(await isTold(), 'its Delivery is being deleted, or its spec means nothing')

  await read()
  t.ok(await isTold())
  registry.scan = () => Promise.resolve({ kind: 'tooMany', atLeast: 501 })
  await read()
  t.notOk(await isTold(), 'there are too many tags to decide')

  registry.scan = scan
  await read()
  t.ok(await isTold())
})

t.test('what no adapter translated is counted as a bug, and tried again', async (t) => {
  const { registry, poller, metrics, clock } = setUp(t)
  const scan = registry.scan.bind(registry)
  registry.scan = () => Promise.reject(new TypeError('x is undefined'))
  poller.follow(key, subject())
  await settle()

  t.match(poller.view(key).problem, { reason: 'InternalError', kind: 'retryable' })
  t.match((await metrics.expose()).body, 'windlass_bugs_total 1')

  registry.scan = scan
  await clock.advance(1_000)
  t.notOk(poller.view(key).problem)
})

function setUp(t: Test, { random = 0, jitterMs = 0 } = {}) {
  const registry = new TestRegistry()
  const clock = new FakeClock()
  const metrics = createMetrics()
  const changed: string[] = []
  const schedules = new Map<string, (untilNextMs: number) => void>()
  const poller = new Poller({
    tags: registry,
    schedules: {
      problemOf: () => undefined,
      untilNextMs: () => 30_000,
      follow(schedule, _, onTime) {
        schedules.set(schedule, onTime)
        return () => schedules.delete(schedule)
      },
    },
    clock,
    random: () => random,
    jitterMs,
    log: createLog({ level: 'error', destination: { write: () => {} } }),
    metrics,
    onChange: (name) => changed.push(name),
  })
  const controller = new AbortController()
  const ended = poller.run(controller.signal)
  t.teardown(async () => {
    controller.abort()
    await ended
  })
  return {
    registry,
    clock,
    metrics,
    changed,
    schedules,
    poller,
    ended,
    abort: () => controller.abort(),
    /** The schedule strikes, after some time. */
    tick: async (afterMs = 30_000) => {
      await clock.advance(afterMs)
      for (const call of schedules.values()) call(30_000)
      await clock.advance(0)
      await settle()
    },
  }
}

/** Of a Delivery in which the n-th push runs, or none yet. */
function subject(n?: number): PollSubject {
  const status = n === undefined ? {} : running(n)
  const sinceMs = knownSinceMs(status, repository)
  return {
    repository,
    pattern: '.*',
    isRelease: () => true,
    schedule: '*/30 * * * * *',
    timeZone: 'UTC',
    known: knownReleases(status, repository),
    ...(sinceMs !== undefined && { knownSinceMs: sinceMs }),
  }
}

function unavailable(retryAfterMs?: number): AppError {
  const message = 'no answer'
  return new AppError({
    kind: 'retryable',
    reason: 'RegistryUnavailable',
    message,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}
