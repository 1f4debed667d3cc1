import t, { type Test } from 'tap'
import { Agent } from 'undici'
import { AppError } from '../core/errors.ts'
import { mediaTypes } from './oci.ts'
import type { ConnectionLimits } from './registry-connection.ts'
import {
  challenge,
  manifestAnswer,
  startTestAcr,
  tagList,
  tagProperties,
  token,
  type Answerer,
  type RecordedRequest,
  type TestAnswer,
} from './test-acr.ts'
import { failure } from './test-failure.ts'

const forever = new AbortController().signal
const nowMs = Date.UTC(2026, 0, 1)

function isList({ path, authorization }: RecordedRequest): boolean {
  return path.startsWith('/acr/v1/predictor/_tags?') && authorization !== undefined
}

function listing(answer: TestAnswer | (() => TestAnswer | Promise<TestAnswer>)): Answerer {
  return (request) => {
    if (!isList(request)) return undefined
    return typeof answer === 'function' ? answer() : answer
  }
}

async function start(t: Test, answer: Answerer, limits: Partial<ConnectionLimits> = {}) {
  const acr = await startTestAcr(t, answer)
  const source = acr.source({ limits })
  const repository = `${acr.host}/predictor`
  const matches = (tag: string) => tag.startsWith('r')
  return { acr, source, repository, scan: () => source.scan({ repository, matches }, forever), matches }
}

t.test('an unchanged poll is one request, and a small one', async (t) => {
  const tags = ['r5', 'x4', 'r3', 'r2', 'r1'].map((name, i) => tagProperties(name, nowMs - i * 1000))
  const { acr, source, repository, matches } = await start(
    t,
    listing(tagList(tags, '/acr/v1/predictor/_tags?last=r1&n=5')),
  )
  const first = await source.scan({ repository, matches }, forever)
  t.match(first, {
    kind: 'changed',
    head: { name: 'r5' },
    tags: [{ name: 'r5' }, { name: 'r3' }, { name: 'r2' }, { name: 'r1' }],
  })
  t.strictSame(
    acr.requests.map(({ method, path }) => `${method} ${path.split('?')[0]}`),
    ['GET /acr/v1/predictor/_tags', 'POST /oauth2/exchange', 'POST /oauth2/token', 'GET /acr/v1/predictor/_tags'],
    'the first poll gets its tokens',
  )
  if (first.kind !== 'changed') return
  const before = acr.requests.length
  const again = await source.scan({ repository, matches, head: first.head }, forever)
  t.strictSame(again, { kind: 'unchanged', head: first.head })
  t.equal(acr.requests.length, before + 1)
  const query = new URL(acr.requests.at(-1)?.path ?? '', 'https://localhost').searchParams
  t.equal(query.get('orderby'), 'timedesc')
  t.equal(query.get('n'), '5')
  t.equal(acr.entraTokens(), 1)
})

t.test('times of a tag are read from what ACR calls them', async (t) => {
  const { scan } = await start(t, listing(tagList([tagProperties('r1', nowMs + 5_000, nowMs)])))
  t.match(await scan(), { tags: [{ name: 'r1', createdAtMs: nowMs, updatedAtMs: nowMs + 5_000 }] })
})

t.test('what follows the first page is read in larger ones', async (t) => {
  const pages: Record<string, TestAnswer> = {
    '5': tagList([tagProperties('x2', nowMs + 2)], '/acr/v1/predictor/_tags?last=x2&n=5&orderby=timedesc'),
    '100': tagList([tagProperties('r1', nowMs + 1)]),
  }
  const { acr, scan } = await start(t, (request) => {
    if (!isList(request)) return undefined
    return pages[new URL(request.path, 'https://localhost').searchParams.get('n') ?? '']
  })
  t.match(await scan(), { kind: 'changed', head: { name: 'x2' }, tags: [{ name: 'r1' }] })
  t.match(acr.requests.at(-1)?.path, /last=x2&n=100&orderby=timedesc/)
})

t.test('a full page that lost its Link does not pass for the end of the list', async (t) => {
  const five = Array.from({ length: 5 }, (_, i) => tagProperties(`x${i}`, nowMs - i))
  const { acr, source, repository, matches } = await start(t, (request) => {
    if (!isList(request)) return undefined
    return request.path.includes('last=x4') ? tagList([tagProperties('r1', nowMs - 5)]) : tagList(five)
  })
  const scan = await source.scan({ repository, matches, knownSinceMs: nowMs - 10 }, forever)
  t.match(scan, { kind: 'changed', tags: [{ name: 'r1' }] })
  t.match(acr.requests.at(-1)?.path, /_tags\?orderby=timedesc&last=x4&n=100/)
})

t.test('a repository without tags is empty, however that is said', async (t) => {
  for (const body of [{ registry: 'x', imageName: 'predictor' }, { tags: [] }, { tags: null }]) {
    const { scan } = await start(t, listing({ body }))
    t.strictSame(await scan(), { kind: 'empty' })
  }
})

const statuses: Array<[status: number, headers: Record<string, string>, expected: Partial<AppError>]> = [
  [401, {}, { kind: 'waiting', reason: 'RegistryUnauthorized' }],
  [403, {}, { kind: 'waiting', reason: 'RegistryForbidden' }],
  [404, {}, { kind: 'waiting', reason: 'RepositoryNotFound' }],
  [408, {}, { kind: 'retryable', reason: 'RegistryUnavailable' }],
  [400, {}, { kind: 'retryable', reason: 'RegistryInvalidAnswer' }],
  [429, { 'retry-after': '7' }, { kind: 'retryable', reason: 'RegistryThrottled', retryAfterMs: 7_000 }],
  [429, {}, { kind: 'retryable', reason: 'RegistryThrottled' }],
  [500, {}, { kind: 'retryable', reason: 'RegistryUnavailable' }],
  [503, { 'retry-after': '3' }, { kind: 'retryable', reason: 'RegistryUnavailable', retryAfterMs: 3_000 }],
]

for (const [status, headers, expected] of statuses) {
  t.test(`status ${status} ${JSON.stringify(headers)} is ${expected.reason}, after one try`, async (t) => {
    const { acr, scan } = await start(t, listing({ status, headers, body: { errors: [{ message: 'body-secret' }] } }))
    const error = await failure(scan())
    t.match(error, expected)
    t.match(
      error.message,
      new RegExp(`^can't list the tags of localhost:\\d+/predictor: localhost:\\d+ .*\\(${status}\\)$`),
    )
    t.equal(acr.requests.filter(isList).length, 1)
  })
}

t.test('a gateway that fails in HTML has failed', async (t) => {
  const { scan } = await start(t, listing({ status: 502, headers: { 'content-type': 'text/html' }, body: '<html>' }))
  t.match(await failure(scan()), { kind: 'retryable', reason: 'RegistryUnavailable', message: /failed \(502\)/ })
})

t.test('a date in Retry-After is as good as seconds', async (t) => {
  const date = new Date(nowMs).toUTCString()
  const headers = { 'retry-after': new Date(nowMs + 9_000).toUTCString(), date }
  const { scan } = await start(t, listing({ status: 429, headers }))
  t.match(await failure(scan()), { reason: 'RegistryThrottled', retryAfterMs: 9_000 })
})

t.test('a Retry-After for one repository holds for the whole registry', async (t) => {
  const { acr, source, scan, matches } = await start(t, listing({ status: 429, headers: { 'retry-after': '30' } }))
  await failure(scan())
  const before = acr.requests.length
  const error = await failure(source.scan({ repository: `${acr.host}/other`, matches }, forever))
  t.match(error, { kind: 'retryable', reason: 'RegistryThrottled', message: /asked us to slow down/ })
  t.ok((error.retryAfterMs ?? 0) > 29_000)
  t.equal(acr.requests.length, before, 'nothing was asked')
})

for (const [what, retryAfter] of [
  ['none', {}],
  ['one that is past', { 'retry-after': new Date(nowMs - 9_000).toUTCString(), date: new Date(nowMs).toUTCString() }],
  ['zero', { 'retry-after': '0' }],
] as const) {
  t.test(`a 429 with a Retry-After of ${what} holds for the whole registry all the same`, async (t) => {
    const limits = { longestPauseMs: 0 }
    const { acr, source, scan, matches } = await start(t, listing({ status: 429, headers: retryAfter }), limits)
    await failure(scan())
    const before = acr.requests.length
    const error = await failure(source.scan({ repository: `${acr.host}/other`, matches }, forever))
    t.match(error, { kind: 'retryable', reason: 'RegistryThrottled' })
    t.equal(acr.requests.length, before, 'nothing was asked')
  })
}

const senseless: Record<string, TestAnswer> = {
  'an answer that is not JSON': { body: '<html>body-secret</html>' },
  'half an answer in JSON': { body: '{"tags":[{"name":"body-secret"' },
  'tags that are no list': { body: { tags: 'body-secret' } },
  'a tag that is null': { body: { tags: [null] } },
  'a tag without digest': tagList([{ ...tagProperties('r1', nowMs), digest: undefined }]),
  'a tag with a digest that is none': tagList([{ ...tagProperties('r1', nowMs), digest: 'sha256:abc' }]),
  'a tag without times': tagList([{ ...tagProperties('r1', nowMs), createdTime: undefined }]),
  'a tag with a time that is none': tagList([{ ...tagProperties('r1', nowMs), lastUpdateTime: 'soon' }]),
  'a tag that was made beyond the year 9999': tagList([tagProperties('r1', nowMs, Date.UTC(10_000, 0, 1))]),
  'a tag that was moved beyond the year 9999': tagList([tagProperties('r1', Date.UTC(10_000, 0, 1), nowMs)]),
  'a tag with a name that is none': tagList([tagProperties('../r1', nowMs)]),
  'oldest first': tagList([tagProperties('r1', nowMs), tagProperties('r2', nowMs + 1)]),
  'a body beyond any list': { body: Buffer.alloc(1024 * 1024 + 1, ' ') },
  'a body that is compressed unasked': { body: 'x', headers: { 'content-encoding': 'gzip' } },
  'a status that means nothing here': { status: 204 },
}

for (const [name, answer] of Object.entries(senseless)) {
  t.test(`${name} decides nothing`, async (t) => {
    const { scan } = await start(t, listing(answer))
    const error = await failure(scan())
    t.match(error, { kind: 'retryable', reason: 'RegistryInvalidAnswer' })
    t.notMatch(inspectDeep(error), /body-secret/)
  })
}

t.test('a page that fails decides nothing, whatever the page before held', async (t) => {
  let pages = 0
  const { source, repository, matches } = await start(
    t,
    listing(() => {
      pages += 1
      return pages === 1 ? tagList([tagProperties('r2', nowMs)], '/acr/v1/predictor/_tags?last=r2') : { status: 500 }
    }),
  )
  const error = await failure(source.scan({ repository, matches, knownSinceMs: 0 }, forever))
  t.match(error, { reason: 'RegistryUnavailable' })
  t.equal(pages, 2)
})

const broken: Record<string, TestAnswer> = {
  'headers, and then nothing': { body: 'x'.repeat(100), stallAfter: 0 },
  'half a body, and then nothing': { body: 'x'.repeat(100), stallAfter: 50 },
}

for (const [name, answer] of Object.entries(broken)) {
  t.test(`${name} ends with the timeout`, async (t) => {
    const { acr, repository, matches } = await start(t, listing(answer))
    const source = acr.source({ limits: { timeoutMs: 200 } })
    const error = await failure(source.scan({ repository, matches }, forever))
    t.match(error, {
      kind: 'retryable',
      reason: 'RegistryUnavailable',
      message: /could not be reached \(no answer in time\)/,
    })
  })
}

t.test('no answer at all ends with the timeout', async (t) => {
  const { acr, repository, matches } = await start(
    t,
    listing(() => new Promise<TestAnswer>(() => {})),
  )
  const source = acr.source({ limits: { timeoutMs: 200 } })
  t.match(await failure(source.scan({ repository, matches }, forever)), { reason: 'RegistryUnavailable' })
})

t.test('a connection that is cut within the body is no answer', async (t) => {
  const { scan } = await start(t, listing({ body: 'x'.repeat(100), cutAfter: 50 }))
  t.match(await failure(scan()), { kind: 'retryable', reason: 'RegistryUnavailable', message: /UND_ERR_SOCKET/ })
})

const counted: Readonly<Record<string, { answer: TestAnswer; result: string }>> = {
  'an answer': { answer: tagList([]), result: '2xx' },
  'an answer that is an error': { answer: { status: 503 }, result: '5xx' },
  'a connection that is cut': { answer: { body: 'x'.repeat(100), cutAfter: 50 }, result: 'failed' },
  'an answer that does not end': { answer: { body: 'x'.repeat(100), stallAfter: 50 }, result: 'timeout' },
}

for (const [name, { answer, result }] of Object.entries(counted)) {
  t.test(`${name} is counted, as ${result}`, async (t) => {
    const { acr, repository, matches } = await start(t, listing(answer))
    const results: string[] = []
    const source = acr.source({
      limits: { timeoutMs: result === 'timeout' ? 2_000 : 30_000 },
      onRequest: (ended) => results.push(ended.result),
    })
    await source.scan({ repository, matches }, forever).catch(() => undefined)
    t.same(results, ['4xx', '2xx', '2xx', result], 'after the challenge and two tokens')
  })
}

t.test('a request that is no longer wanted is counted too', async (t) => {
  const abort = new AbortController()
  const never = new Promise<TestAnswer>(() => {})
  const { acr, repository, matches } = await start(
    t,
    listing(() => {
      abort.abort()
      return never
    }),
  )
  const ended = Promise.withResolvers<string>()
  const source = acr.source({
    onRequest: ({ result }) => {
      if (!result.endsWith('xx')) ended.resolve(result)
    },
  })
  await failure(source.scan({ repository, matches }, abort.signal))
  t.equal(await ended.promise, 'aborted')
})

t.test('what the network says is named by its code', async (t) => {
  const { acr, source, matches } = await start(t, () => undefined)
  const untrusted = new Agent()
  t.teardown(() => untrusted.destroy())
  const repository = `${acr.host}/predictor`
  const [refused, unknown] = ['localhost:1', 'registry.invalid']
  const elsewhere = acr.source({ registries: [refused, unknown] })
  const stranger = acr.source({ dispatcher: untrusted })
  t.match(await failure(elsewhere.scan({ repository: `${refused}/a`, matches }, forever)), {
    reason: 'RegistryUnavailable',
    message: /can't list the tags of localhost:1\/a: localhost:1 could not be reached \(ECONNREFUSED\)/,
  })
  t.match(await failure(elsewhere.scan({ repository: `${unknown}/a`, matches }, forever)), {
    reason: 'RegistryUnavailable',
    message: /\((ENOTFOUND|EAI_AGAIN)\)/,
  })
  t.match(await failure(stranger.scan({ repository, matches }, forever)), {
    reason: 'RegistryUnavailable',
    message: /CERT|SIGNATURE|ISSUER/,
  })
  t.ok(source)
})

t.test('a caller who gives up is let go at once, also while a token is asked for', async (t) => {
  for (const stalled of ['/acr/', '/oauth2/token']) {
    const { source, repository, matches, acr } = await start(t, ({ path, authorization }) =>
      path.startsWith(stalled) && (stalled !== '/acr/' || authorization !== undefined)
        ? new Promise<TestAnswer>(() => {})
        : undefined,
    )
    const controller = new AbortController()
    const scanning = failure(source.scan({ repository, matches }, controller.signal))
    while (!acr.requests.some(({ path }) => path.startsWith('/oauth2/token'))) await new Promise(setImmediate)
    controller.abort()
    t.match(await scanning, { kind: 'aborted' }, stalled)
  }
})

t.test('the reason of an abort is kept where it is one of ours', async (t) => {
  const { source, repository, matches } = await start(t, () => undefined)
  const reason = new AppError({ kind: 'aborted', reason: 'LeaseLost', message: 'the lease was lost' })
  t.equal(await failure(source.scan({ repository, matches }, AbortSignal.abort(reason))), reason)
})

t.test('closing ends what is under way', async (t) => {
  const { source, scan, acr } = await start(
    t,
    listing(() => new Promise<TestAnswer>(() => {})),
  )
  const scanning = failure(scan())
  while (!acr.requests.some(isList)) await new Promise(setImmediate)
  source.close()
  t.match(await scanning, { kind: 'aborted', reason: 'ShuttingDown' })
})

t.test('a token that expired is replaced within the call', async (t) => {
  let valid = token('first')
  const { acr, scan } = await start(t, (request) => {
    if (request.path.startsWith('/oauth2/token')) return { body: { access_token: valid } }
    if (!isList(request)) return undefined
    return request.authorization === `Bearer ${valid}` ? tagList([tagProperties('r1', nowMs)]) : challenge()
  })
  await scan()
  valid = token('second')
  const before = acr.requests.length
  t.match(await scan(), { kind: 'changed' })
  t.equal(acr.requests.length, before + 3, 'refused, token, again')
})

t.test('after a refusal neither the tokens nor what they were made from are used again', async (t) => {
  let isRevoked = true
  const { acr, scan } = await start(t, (request) => {
    if (request.path.startsWith('/oauth2/exchange'))
      return { body: { refresh_token: token(`refresh-${acr.requests.length}`) } }
    if (!isList(request)) return undefined
    return isRevoked ? challenge() : tagList([tagProperties('r1', nowMs)])
  })
  t.match(await failure(scan()), { kind: 'waiting', reason: 'RegistryUnauthorized' })
  isRevoked = false
  t.match(await scan(), { kind: 'changed' })
  const exchanges = acr.requests.filter(({ path }) => path.startsWith('/oauth2/exchange'))
  t.equal(exchanges.length, 2, 'the refresh token was dropped too')
})

t.test('a refused exchange says that the identity was refused, and tells no token', async (t) => {
  const { scan } = await start(t, ({ path, body }) =>
    path.startsWith('/oauth2/exchange') ? { status: 401, body: { errors: [{ message: body }] } } : undefined,
  )
  const error = await failure(scan())
  t.match(error, { kind: 'waiting', reason: 'RegistryUnauthorized' })
  t.notMatch(inspectDeep(error), /entra-secret/)
})

t.test('a refresh token that is none is an answer that makes no sense, and tells no token', async (t) => {
  for (const refresh of ['not-a-jwt-secret', 'a.bm90LWpzb24tc2VjcmV0.c', '', 12]) {
    const { scan } = await start(t, ({ path }) =>
      path.startsWith('/oauth2/exchange') ? { body: { refresh_token: refresh } } : undefined,
    )
    const error = await failure(scan())
    t.match(error, { kind: 'retryable', reason: 'RegistryInvalidAnswer' }, String(refresh))
    t.notMatch(inspectDeep(error), /not-a-jwt|not-json|bm90LWpzb24/)
  }
})

t.test('a refresh token near its end is replaced before the call, not behind it', async (t) => {
  let exchanges = 0
  const { scan } = await start(t, (request) => {
    if (request.path.startsWith('/oauth2/exchange')) {
      exchanges += 1
      return exchanges === 1 ? { body: { refresh_token: token('refresh', 60) } } : { status: 503 }
    }
    return isList(request) ? tagList([tagProperties('r1', nowMs)]) : undefined
  })
  t.match(await scan(), { kind: 'changed' })
  t.match(await failure(scan()), { kind: 'retryable', reason: 'RegistryUnavailable' })
  t.equal(exchanges, 2)
})

t.test('one tag is read by name, and is undefined where there is none', async (t) => {
  const { source, repository } = await start(t, ({ path, authorization }) =>
    path.startsWith('/acr/v1/predictor/_tags/r1?') && authorization !== undefined
      ? { body: { registry: 'x', imageName: 'predictor', tag: tagProperties('r1', nowMs) } }
      : undefined,
  )
  t.match(await source.tag(repository, 'r1', forever), { name: 'r1', createdAtMs: nowMs })
  t.equal(await source.tag(repository, 'r2', forever), undefined)
})

t.test('an image is read once, whatever came of it', async (t) => {
  const image = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: mediaTypes.ociConfig, digest: `sha256:${'a'.repeat(64)}`, size: 2 },
      layers: [],
      annotations: { 'windlass.dev/sequence': '7' },
    }),
  )
  const chart = Buffer.from(image.toString().replace(mediaTypes.ociConfig, 'application/vnd.cncf.helm.config.v1+json'))
  const { acr, source, repository } = await start(t, ({ path, authorization }) => {
    if (authorization === undefined) return undefined
    return [image, chart]
      .map((bytes) => manifestAnswer(bytes))
      .find(({ headers }) => decodeURIComponent(path).endsWith(headers?.['docker-content-digest'] ?? '?'))
  })
  const digestOfImage = manifestAnswer(image).headers?.['docker-content-digest'] ?? ''
  const digestOfChart = manifestAnswer(chart).headers?.['docker-content-digest'] ?? ''
  t.strictSame(await source.image(repository, digestOfImage, forever), {
    digest: digestOfImage,
    mediaType: mediaTypes.ociManifest,
    sequence: 7,
  })
  const invalid = { kind: 'terminal', reason: 'ImageInvalid', message: /names an artifact of type .*helm/ }
  t.match(await failure(source.image(repository, digestOfChart, forever)), invalid)
  const before = acr.requests.length
  await source.image(repository, digestOfImage, forever)
  t.match(await failure(source.image(repository, digestOfChart, forever)), invalid)
  t.equal(acr.requests.length, before)
})

t.test('an image that the registry lacks is no image, and is asked for again', async (t) => {
  const { acr, source, repository } = await start(t, () => undefined)
  const lacking = `sha256:${'b'.repeat(64)}`
  t.equal(await source.image(repository, lacking, forever), undefined)
  const before = acr.requests.length
  t.equal(await source.image(repository, lacking, forever), undefined)
  t.ok(acr.requests.length > before)
})

t.test('a repository that is none is told before anything is asked', async (t) => {
  const { acr, source, matches } = await start(t, () => undefined)
  t.match(await failure(source.scan({ repository: 'predictor', matches }, forever)), {
    kind: 'terminal',
    reason: 'SpecInvalid',
  })
  t.equal(acr.requests.length, 0)
})

/** All that a logger could print of an error and its causes. */
function inspectDeep(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? ''
  const own = Object.getOwnPropertyNames(error).map((name) => JSON.stringify(Reflect.get(error, name)) ?? '')
  return `${error.stack} ${error.message} ${own.join(' ')} ${inspectDeep(error.cause)}`
}
