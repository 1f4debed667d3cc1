import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Test } from 'tap'
import t from 'tap'
import type { AppError } from '../core/errors.ts'
import { systemClock } from '../runtime/clock.ts'
import type { KubeObject, WatchEvent, WatchRequest } from './ports.ts'
import { answerJson, startFaultyServer } from './test-server.ts'
import { createWatchSource, type RestartCause, type WatchTuning } from './watch.ts'

const path = '/api/v1/pods'

type Step = (response: ServerResponse, request: IncomingMessage, query: URLSearchParams) => void

/** A server that plays one step for each request, and stays silent after the last. */
async function play(
  t: Test,
  steps: readonly Step[],
  { request = {}, tuning = {} }: { request?: Partial<WatchRequest>; tuning?: Partial<WatchTuning> } = {},
) {
  const requests: Array<{ query: URLSearchParams; request: IncomingMessage }> = []
  const { client } = await startFaultyServer(t, (request, response) => {
    const { searchParams: query } = new URL(request.url ?? '', 'http://test')
    requests.push({ query, request })
    steps[requests.length - 1]?.(response, request, query)
  })
  const events: string[] = []
  const waits: number[] = []
  const restarts: Array<[RestartCause, AppError | undefined]> = []
  const bugs: unknown[] = []
  const stop = new AbortController()
  const { promise: done, resolve } = Promise.withResolvers<void>()
  const source = createWatchSource({
    client,
    // Notes how long it was to wait, and does not.
    clock: { ...systemClock, sleep: async (ms, signal) => systemClock.sleep(waits.push(ms) > 0 ? 0 : ms, signal) },
    random: () => 0.5,
    hooks: {
      restarted: (_, cause, error) => {
        restarts.push([cause, error])
        if (requests.length >= steps.length) resolve()
      },
      bug: (_, error) => bugs.push(error),
    },
    tuning: { stallMs: 60_000, steadyMs: 60_000, ...tuning },
  })
  const onEvent = (event: WatchEvent<KubeObject>) => {
    const name = event.type === 'synced' ? '' : ` ${event.object.metadata.name}`
    events.push(`${event.type}${name}`)
    if (name === ' throws') throw new Error('a bug of the callback')
  }
  const watch = source.watch({ path, ...request }, onEvent, stop.signal)
  t.teardown(() => stop.abort())
  return { requests, events, waits, restarts, bugs, watch, stop, done }
}

function pod(name: string, resourceVersion: string) {
  return { metadata: { namespace: 'a', name, uid: `${name}-uid`, resourceVersion } }
}

function listing(resourceVersion: string, ...items: object[]): Step {
  return (response) =>
    answerJson(response, 200, { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion }, items })
}

/** Sends events, then ends the stream in the given way. */
function streaming(events: readonly object[], end: 'end' | 'reset' | 'stay' = 'end'): Step {
  return (response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.write(events.map((event) => `${JSON.stringify(event)}\n`).join(''), () => {
      if (end === 'end') response.end()
      if (end === 'reset') response.socket?.resetAndDestroy()
    })
  }
}

function expired(message: string): object {
  return { kind: 'Status', code: 410, reason: 'Expired', message }
}

t.test('lists page by page, then watches from there', async (t) => {
  const pages: Step[] = [
    (response) =>
      answerJson(response, 200, {
        kind: 'PodList',
        apiVersion: 'v1',
        metadata: { resourceVersion: '7', continue: 'next' },
        items: [pod('one', '3')],
      }),
    listing('7', pod('two', '5')),
    streaming([{ type: 'ADDED', object: pod('three', '8') }], 'end'),
  ]
  const { requests, events, watch, done } = await play(t, pages, {
    request: { labelSelector: 'app=web', metadataOnly: true, tenant: { namespace: 'a', serviceAccountName: 'b' } },
    tuning: { pageSize: 1 },
  })
  await watch.synced
  t.same(
    watch.list().map(({ metadata }) => metadata.name),
    ['one', 'two'],
  )
  await done
  t.same(events, ['added one', 'added two', 'synced', 'added three'])
  t.match(watch.get('a/one'), { kind: 'Pod', apiVersion: 'v1' }, 'items are told what they are')
  const [first, second, third] = requests.map(({ query }) => Object.fromEntries(query))
  t.same(first, { labelSelector: 'app=web', limit: '1' })
  t.same(second, { labelSelector: 'app=web', limit: '1', continue: 'next' })
  t.same(third, {
    labelSelector: 'app=web',
    watch: 'true',
    resourceVersion: '7',
    allowWatchBookmarks: 'true',
    timeoutSeconds: '2700',
  })
  t.match(requests[0]?.request.headers, {
    accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    'impersonate-user': 'system:serviceaccount:a:b',
  })
  t.equal(requests[2]?.request.headers.accept, 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1')
})

t.test('a watch that breaks goes on after the last event or bookmark, without a list', async (t) => {
  const { requests, events, restarts, done } = await play(t, [
    listing('7'),
    streaming([{ type: 'ADDED', object: pod('one', '8') }], 'reset'),
    streaming([{ type: 'BOOKMARK', object: { metadata: { resourceVersion: '11' } } }], 'end'),
    streaming([{ type: 'MODIFIED', object: pod('one', '8') }], 'end'),
  ])
  await done
  t.same(
    requests.slice(1).map(({ query }) => query.get('resourceVersion')),
    ['7', '8', '11'],
  )
  t.same(events, ['synced', 'added one'], 'the same version twice is no event')
  t.same(
    restarts.map(([cause]) => cause),
    ['failed', 'ended', 'ended'],
  )
})

for (const how of ['an event', 'an answer'] as const) {
  await t.test(
    `a version that is too old, as ${how}, is answered by a list, and what is gone was deleted`,
    async (t) => {
      const { events, restarts, done } = await play(t, [
        listing('7', pod('one', '3'), pod('two', '4')),
        how === 'an event'
          ? streaming([{ type: 'ERROR', object: expired('too old') }], 'stay')
          : (response) => answerJson(response, 410, expired('too old')),
        listing('20', pod('two', '4'), pod('three', '19')),
        streaming([{ type: 'DELETED', object: pod('two', '21') }]),
      ])
      await done
      t.same(events, ['added one', 'added two', 'synced', 'deleted one', 'added three', 'synced', 'deleted two'])
      t.match(restarts, [
        ['expired', { message: /too old/ }],
        ['ended', undefined],
      ])
    },
  )
}

t.test('a continuation that is too old begins the list again', async (t) => {
  const { events, requests, done } = await play(t, [
    (response) =>
      answerJson(response, 200, { metadata: { resourceVersion: '7', continue: 'old' }, items: [pod('one', '3')] }),
    (response) => answerJson(response, 410, expired('the provided continue parameter is too old')),
    listing('9', pod('two', '8')),
    streaming([]),
  ])
  await done
  t.same(events, ['added two', 'synced'], 'nothing is told of half a list')
  t.equal(requests[2]?.query.get('continue'), null)
})

t.test('an event may come in pieces', async (t) => {
  const [head, tail] = [`{"type":"ADDED","object":${JSON.stringify(pod('œuf', '8'))}}\n`].flatMap((line) => {
    const bytes = Buffer.from(line)
    const cut = bytes.indexOf(Buffer.from('œ')) + 1
    return [bytes.subarray(0, cut), bytes.subarray(cut)]
  })
  const { events, done } = await play(t, [
    listing('7'),
    (response) => {
      response.writeHead(200).write(head)
      setTimeout(() => response.end(tail), 20)
    },
  ])
  await done
  t.same(events, ['synced', 'added œuf'])
})

t.test('what is no event breaks the watch, not the process, and it goes on', async (t) => {
  const broken = [
    '{"type":"ADDED","object":{"meta\n',
    '<html>\n',
    '{"type":"PARTED","object":{}}\n',
    '{"type":"ADDED"}\n',
  ]
  for (const line of broken) {
    const { events, restarts, watch, done } = await play(t, [
      listing('7'),
      (response) => response.writeHead(200).end(line),
      streaming([{ type: 'ADDED', object: pod('one', '8') }]),
    ])
    await done
    t.match(restarts[0], ['failed', { kind: 'retryable', reason: 'ApiUnavailable', message: /no watch event/ }])
    t.same(events, ['synced', 'added one'])
    t.equal(watch.problem, undefined, 'once it follows again, there is no problem')
  }
})

t.test('a watch in which not even a bookmark comes is begun again', async (t) => {
  const { restarts, requests, done } = await play(
    t,
    [
      listing('7'),
      (response) => {
        response.writeHead(200)
        for (const ms of [10, 40, 70]) setTimeout(() => response.write(' '), ms)
      },
      streaming([]),
    ],
    { tuning: { stallMs: 150 } },
  )
  await done
  t.match(restarts[0], ['stalled', { kind: 'retryable', message: /nothing came for 150 ms/ }])
  t.equal(requests[2]?.query.get('resourceVersion'), '7')
})

t.test('a version that the server has not come to, as after a restore, is answered by a list', async (t) => {
  const silent: Step = (response) => response.writeHead(200).write(' ')
  const tooLarge = {
    kind: 'Status',
    code: 504,
    reason: 'Timeout',
    message: 'Timeout: Too large resource version: 90, current: 7',
    details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }] },
  }
  const refusing: Step = (response) => answerJson(response, 504, tooLarge)
  for (const steps of [[silent, silent, silent], [refusing]]) {
    const all = [listing('90', pod('one', '80')), ...steps, listing('7', pod('two', '5')), streaming([])]
    const { events, requests, done } = await play(t, all, { tuning: { stallMs: 50 } })
    await done
    t.same(events, ['added one', 'synced', 'deleted one', 'added two', 'synced'])
    t.equal(requests.at(-1)?.query.get('resourceVersion'), '7')
  }
})

t.test('a server that cannot answer is asked ever more seldom, and never sooner than it asked', async (t) => {
  const unavailable: Step = (response) => answerJson(response, 503, { kind: 'Status', message: 'starting' })
  const { waits, restarts, watch, done } = await play(
    t,
    [
      ...Array.from({ length: 6 }, () => unavailable),
      (response) => answerJson(response, 429, {}, { 'Retry-After': '9' }),
      listing('7'),
      streaming([]),
    ],
    { tuning: { backoffBaseMs: 100, backoffCapMs: 1_000 } },
  )
  await watch.synced
  t.equal(watch.problem, undefined)
  await done
  t.same(waits.slice(0, 7), [75, 150, 300, 600, 750, 750, 9_000])
  t.match(restarts[0], ['failed', { reason: 'ApiUnavailable', message: /^list \/api\/v1\/pods: starting \(503\)$/ }])
})

t.test('a server that ends every watch at once is not asked in a hot loop', async (t) => {
  const { waits, done } = await play(t, [listing('7'), ...Array.from({ length: 5 }, () => streaming([]))], {
    tuning: { backoffBaseMs: 100, backoffCapMs: 10_000 },
  })
  await done
  t.same(waits.slice(0, 5), [75, 150, 300, 600, 1_200])
})

t.test('a watch that lasted is begun again at once', async (t) => {
  const { waits, done } = await play(t, [listing('7'), ...Array.from({ length: 4 }, () => streaming([]))], {
    tuning: { backoffBaseMs: 100, steadyMs: 0 },
  })
  await done
  t.same(waits.slice(0, 4), [75, 75, 75, 75])
})

t.test('a callback that throws is reported, and the next event comes all the same', async (t) => {
  const { bugs, events, done } = await play(t, [
    listing('7', pod('throws', '1')),
    streaming([
      { type: 'MODIFIED', object: pod('throws', '8') },
      { type: 'ADDED', object: pod('one', '9') },
    ]),
  ])
  await done
  t.same(events, ['added throws', 'synced', 'modified throws', 'added one'])
  t.match(bugs, [{ message: 'a bug of the callback' }, { message: 'a bug of the callback' }])
})

t.test('an abort ends it and its connection, and is no restart', async (t) => {
  const open = Promise.withResolvers<IncomingMessage>()
  const { stop, restarts } = await play(t, [listing('7'), (_, request) => open.resolve(request)])
  const { socket } = await open.promise
  stop.abort()
  await once(socket, 'close')
  t.same(restarts, [])
})

t.test('an abort before the first list is complete lets nobody wait for ever', async (t) => {
  const { watch, stop } = await play(t, [])
  stop.abort()
  await t.rejects(watch.synced, { name: 'AppError', kind: 'aborted' })
})
