import type { ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import t from 'tap'
import { waitFor } from '../../../bootstrap/local/wait.ts'
import type { AppError } from '../core/errors.ts'
import { FakeClock } from '../runtime/fake-clock.ts'
import { createEventWriter, type EventLimits } from './events.ts'
import type { EventRequest } from './ports.ts'
import { answerJson, startFaultyServer } from './test-server.ts'

const minuteMs = 60_000

interface Written {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly body: {
    readonly metadata?: { readonly name: string }
    readonly note?: string
    readonly series?: { readonly count: number }
  }
}

async function setUp(t: Test, limits: Partial<EventLimits> = {}) {
  const written: Written[] = []
  const lost: Array<[string, AppError | undefined]> = []
  let answer: (response: ServerResponse) => void = (response) => answerJson(response, 201, {})
  const { client } = await startFaultyServer(t, async (request, response) => {
    const { method, url } = request
    written.push({ method, url, body: JSON.parse(await text(request)) as Written['body'] })
    answer(response)
  })
  const clock = new FakeClock()
  let names = 0
  const writer = createEventWriter({
    client,
    clock,
    instance: 'windlass-0',
    newSuffix: () => String((names += 1)),
    hooks: { lost: ({ note }, error) => lost.push([note, error]) },
    limits,
  })
  const stop = new AbortController()
  const running = writer.run(stop.signal)
  t.teardown(() => stop.abort())
  return {
    clock,
    written,
    lost,
    emit: (note: string, over: Partial<EventRequest> = {}) => writer.emit({ ...eventRequest(note), ...over }),
    answer: (how: typeof answer) => (answer = how),
    /** Waits until so many requests have come and been answered. */
    until: async (count: number) => {
      await waitFor(
        async () => written.length >= count || undefined,
        () => `${count} requests; there came ${written.length}`,
        { timeoutMs: 5_000, everyMs: 1 },
      )
      // What follows from the answers comes to rest.
      await clock.advance(0)
      t.equal(written.length, count, `${count} requests and no more`)
    },
    stop: async () => {
      stop.abort()
      await running
    },
  }
}

function eventRequest(note: string): EventRequest {
  return {
    regarding: {
      apiVersion: 'windlass.dev/v1alpha1',
      kind: 'Delivery',
      metadata: { name: 'web', namespace: 'shop', uid: 'u' },
    },
    type: 'Normal',
    reason: 'Applied',
    action: 'Apply',
    note,
  }
}

t.test('what repeats is counted, and told once a minute', async (t) => {
  const { clock, written, emit, until } = await setUp(t)
  emit('one')
  await until(1)
  t.match(written[0], {
    method: 'POST',
    url: '/apis/events.k8s.io/v1/namespaces/shop/events',
    body: {
      metadata: { name: 'web.1', namespace: 'shop' },
      eventTime: '2026-01-02T03:04:05.000000Z',
      reportingController: 'windlass.dev/reconciler',
      reportingInstance: 'windlass-0',
      type: 'Normal',
      reason: 'Applied',
      action: 'Apply',
      note: 'one',
      regarding: { kind: 'Delivery', namespace: 'shop', name: 'web', uid: 'u' },
    },
  })
  t.notOk(written[0]?.body.series)
  for (let i = 0; i < 30; i += 1) {
    await clock.advance(1_000)
    emit('one')
  }
  await until(1)
  await clock.advance(minuteMs / 2)
  await until(2)
  t.same(written[1], {
    method: 'PATCH',
    url: '/apis/events.k8s.io/v1/namespaces/shop/events/web.1',
    body: { series: { count: 31, lastObservedTime: '2026-01-02T03:04:35.000000Z' } },
  })
  await clock.advance(4 * minuteMs)
  await until(2)
})

t.test('what differs, or comes after five minutes, is an Event of its own', async (t) => {
  const { clock, written, emit, until } = await setUp(t)
  emit('one')
  emit('two')
  emit('two', { reason: 'Superseded' })
  await until(3)
  await clock.advance(5 * minuteMs)
  emit('one')
  await until(4)
  t.same(
    written.map(({ method, body }) => `${method} ${body.metadata?.name} ${body.note}`),
    ['POST web.1 one', 'POST web.2 two', 'POST web.3 two', 'POST web.4 one'],
  )
})

t.test('a wall clock that steps does not part a series', async (t) => {
  const { clock, written, emit, until } = await setUp(t)
  emit('one')
  await until(1)
  clock.stepWall(3_600_000)
  emit('one')
  await clock.advance(minuteMs)
  await until(2)
  t.equal(written[1]?.method, 'PATCH')
})

t.test('an Event that cannot be written is told, and the next one begins anew', async (t) => {
  const { written, lost, emit, until, answer } = await setUp(t)
  const faults: ReadonlyArray<(response: ServerResponse) => void> = [
    (response) => answerJson(response, 403, { kind: 'Status', message: 'no' }),
    (response) => response.socket?.resetAndDestroy(),
  ]
  for (const [index, fault] of faults.entries()) {
    answer(fault)
    emit('one')
    await until(index + 1)
    await waitFor(
      async () => lost.length > index || undefined,
      () => 'the loss',
      { timeoutMs: 5_000, everyMs: 1 },
    )
    t.match(lost[index], ['one', { name: 'AppError', message: /^write Event Applied of Delivery web: / }])
  }
  t.ok(written.every(({ method }) => method === 'POST'))
})

t.test('an Event that was there already has arrived', async (t) => {
  const { lost, emit, until, answer } = await setUp(t)
  answer((response) => answerJson(response, 409, { kind: 'Status', reason: 'AlreadyExists' }))
  emit('one')
  await until(1)
  t.same(lost, [])
})

t.test('a server that does not answer lets no more wait than may', async (t) => {
  const { lost, emit, until, answer } = await setUp(t, { maxWaiting: 3 })
  answer(() => {})
  emit('first')
  await until(1)
  for (const note of ['a', 'b', 'c', 'd', 'd', 'a']) emit(note)
  t.same(lost, [
    ['d', undefined],
    ['d', undefined],
  ])
})

t.test('no more is remembered than may be', async (t) => {
  const { clock, written, emit, until } = await setUp(t, { maxSeries: 2 })
  for (const note of ['a', 'b', 'c']) emit(note)
  await until(3)
  await clock.advance(1_000)
  emit('a')
  await until(4)
  t.equal(written[3]?.method, 'POST', 'the oldest was forgotten')
})

t.test('at the end, what waits and what was counted is written', async (t) => {
  const { written, emit, until, stop } = await setUp(t)
  emit('one')
  await until(1)
  emit('one')
  emit('two')
  await stop()
  t.same(
    written.slice(1).map(({ method, body }) => [method, body.note ?? body.series?.count]),
    [
      ['POST', 'two'],
      ['PATCH', 2],
    ],
  )
})

t.test('at the end, a server that does not answer is waited for two seconds', async (t) => {
  const { clock, lost, emit, until, answer, stop } = await setUp(t)
  answer(() => {})
  emit('one')
  emit('two')
  await until(1)
  const stopped = stop()
  await until(2)
  await clock.advance(2_000)
  await stopped
  t.match(lost, [
    ['one', { kind: 'aborted', reason: 'ShuttingDown' }],
    ['two', { kind: 'aborted', reason: 'ShuttingDown' }],
  ])
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('a note is cut to what an Event holds, between two characters', async (t) => {
  const { written, emit, until } = await setUp(t)
  emit('œ'.repeat(600))
  emit('x'.repeat(1024))
  await until(2)
  const [cut = '', whole = ''] = written.map(({ body }) => body.note)
  t.ok(Buffer.byteLength(cut) <= 1024)
  t.match(cut, /^œ{510}…$/)
  t.equal(whole.length, 1024)
})
