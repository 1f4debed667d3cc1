import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { bundleLayerType, encodeBundle, type EncodedBundle } from './bundle-format.ts'
import { digestOf, mediaTypes } from './oci.ts'
import {
  challenge,
  manifestAnswer,
  startTestAcr,
  tagList,
  tagProperties,
  type Answerer,
  type RecordedRequest,
  type TestAcr,
  type TestAnswer,
} from './test-acr.ts'
import { failure } from './test-failure.ts'

/** A registry that we trust with our identity for itself, and with nothing more (invariant 11). */

const forever = new AbortController().signal
const image = { mediaType: mediaTypes.ociManifest, digest: `sha256:${'a'.repeat(64)}`, size: 2 }
const revision = 'r1'
const bundle = encodeBundle(
  stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }),
  image,
  revision,
)

async function start(t: Test, answer: (request: RecordedRequest, elsewhere: string) => ReturnType<Answerer>) {
  const evil = await startTestAcr(t, () => challenge())
  const acr = await startTestAcr(t, (request) => answer(request, evil.host))
  const source = acr.source({ dispatcher: trustingBoth(acr, evil) })
  const repository = `${acr.host}/predictor`
  return {
    acr,
    evil,
    source,
    repository,
    scan: () => source.scan({ repository, matches: () => true }, forever),
    read: (content: EncodedBundle = bundle) =>
      source.bundle(repository, { digest: content.digest, subject: image.digest, revision }, forever),
  }
}

/** Each test server has an authority of its own; the adapter has one dispatcher for all hosts. */
function trustingBoth(acr: Pick<TestAcr, 'dispatcher'>, evil: Pick<TestAcr, 'dispatcher' | 'host'>) {
  return acr.dispatcher.compose((dispatch) => (options, handler) => {
    if (String(options.origin).endsWith(evil.host)) return evil.dispatcher.dispatch(options, handler)
    return dispatch(options, handler)
  })
}

/** What a registry answers that holds one bundle. */
function holding({ manifest, layer, digest }: EncodedBundle, blob: TestAnswer = { body: layer }) {
  return ({ path, authorization }: RecordedRequest): TestAnswer | undefined => {
    const plain = decodeURIComponent(path)
    if (authorization === undefined) return undefined
    if (plain === `/v2/predictor/manifests/${digest}`) return manifestAnswer(manifest)
    if (plain === `/v2/predictor/blobs/${digestOf(layer)}`) return blob
    return undefined
  }
}

t.test('a registry that is not allowed is neither asked nor is a token made for it', async (t) => {
  const { acr, evil, source } = await start(t, () => undefined)
  const repository = `${evil.host}/predictor`
  const calls = [
    failure(source.scan({ repository, matches: () => true }, forever)),
    failure(source.tag(repository, 'r1', forever)),
    failure(source.image(repository, image.digest, forever)),
    failure(source.bundles(repository, image.digest, forever)),
    failure(source.bundle(repository, { digest: bundle.digest, subject: image.digest }, forever)),
  ]
  for (const call of calls) {
    t.match(await call, {
      kind: 'terminal',
      reason: 'RegistryNotAllowed',
      message: `registry ${evil.host} is not one of WINDLASS_REGISTRIES (${acr.host})`,
    })
  }
  t.strictSame([acr.requests.length, evil.requests.length, acr.entraTokens()], [0, 0, 0])
})

t.test('a host that only looks like one that is allowed is not', async (t) => {
  const { acr, source } = await start(t, () => undefined)
  for (const host of [
    acr.host.replace(/\d+$/, (port) => String(Number(port) - 1)),
    `x${acr.host}`,
    acr.host.replace('localhost', 'LOCALHOST'),
  ]) {
    const error = await failure(source.scan({ repository: `${host}/predictor`, matches: () => true }, forever))
    t.equal(error.reason, 'RegistryNotAllowed', host)
  }
  t.equal(acr.requests.length, 0)
})

t.test('a realm on another host is not asked for a token: by the SDK', async (t) => {
  const { acr, evil, scan } = await start(t, ({ path, authorization }, elsewhere) =>
    path.startsWith('/acr/') && authorization === undefined
      ? challenge(`https://${elsewhere}/oauth2/token`)
      : undefined,
  )
  t.match(await failure(scan()), { reason: 'RepositoryNotFound' })
  t.ok(acr.requests.some(({ path }) => path.startsWith('/oauth2/token')))
  t.equal(evil.requests.length, 0)
})

t.test('a realm on another host is not asked for a token: by our own referrers', async (t) => {
  const { acr, evil, source, repository } = await start(t, ({ path }, elsewhere) =>
    path.includes('/referrers/') ? challenge(`https://${elsewhere}/oauth2/token`) : undefined,
  )
  t.match(await failure(source.bundles(repository, image.digest, forever)), { reason: 'RegistryUnauthorized' })
  t.equal(acr.requests.filter(({ path }) => path.includes('/referrers/')).length, 2, 'tried once more with a new token')
  t.equal(evil.requests.length, 0)
})

const elsewhereLinks: Record<string, (host: string) => string> = {
  'another host': (host) => `https://${host}/acr/v1/predictor/_tags?last=r1`,
  'another host without a scheme': (host) => `//${host}/acr/v1/predictor/_tags?last=r1`,
  'its own token endpoint': () => '/oauth2/token?last=r1',
  'another repository': () => '/acr/v1/other/_tags?last=r1',
  'no address at all': () => 'https://',
}

for (const [name, link] of Object.entries(elsewhereLinks)) {
  t.test(`a list whose next page is ${name} is not followed`, async (t) => {
    const { acr, evil, source, repository } = await start(t, ({ path, authorization }, elsewhere) =>
      path.startsWith('/acr/') && authorization !== undefined
        ? tagList([tagProperties('r1', Date.now())], link(elsewhere))
        : undefined,
    )
    const scan = source.scan({ repository, matches: () => false }, forever)
    t.match(await failure(scan), { reason: 'RegistryInvalidAnswer', message: /its Link leads elsewhere/ })
    t.equal(evil.requests.length, 0)
    t.equal(acr.requests.filter(({ path, authorization }) => path.startsWith('/acr/') && authorization).length, 1)
  })
}

t.test('a page without tags whose Link leads elsewhere is followed by the SDK, and stopped below it', async (t) => {
  const { evil, scan } = await start(t, ({ path, authorization }, elsewhere) =>
    path.startsWith('/acr/') && authorization !== undefined
      ? { body: {}, headers: { link: `<https://${elsewhere}/acr/v1/predictor/_tags>; rel="next"` } }
      : undefined,
  )
  t.match(await failure(scan()), { reason: 'RegistryInvalidAnswer', message: /for something other than a blob/ })
  t.equal(evil.requests.length, 0)
})

t.test('referrers whose next page is elsewhere are not followed', async (t) => {
  const { evil, source, repository } = await start(t, ({ path, authorization }, elsewhere) =>
    path.includes('/referrers/') && authorization !== undefined
      ? {
          body: { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] },
          headers: { link: `<https://${elsewhere}/v2/predictor/referrers/x>; rel="next"` },
        }
      : undefined,
  )
  t.match(await failure(source.bundles(repository, image.digest, forever)), { message: /its Link leads elsewhere/ })
  t.equal(evil.requests.length, 0)
})

t.test('referrers without end are not read without end', async (t) => {
  const { acr, source, repository } = await start(t, ({ path, authorization }) =>
    path.includes('/referrers/') && authorization !== undefined
      ? {
          body: { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] },
          headers: { link: `<${path.split('?')[0]}?page=next>; rel="next"` },
        }
      : undefined,
  )
  t.match(await failure(source.bundles(repository, image.digest, forever)), { message: /more than 20 pages/ })
  t.equal(acr.requests.filter(({ path }) => path.includes('/referrers/')).length, 20)
})

const redirects: Record<string, (request: RecordedRequest) => boolean> = {
  'the list of tags': ({ path, authorization }) => path.startsWith('/acr/') && authorization !== undefined,
  'the exchange of our Entra ID token': ({ path }) => path.startsWith('/oauth2/exchange'),
  'the request for an access token': ({ path }) => path.startsWith('/oauth2/token'),
}

for (const status of [301, 302, 303, 307, 308]) {
  for (const [name, isRedirected] of Object.entries(redirects)) {
    t.test(`${name} is not sent to another host by a ${status}`, async (t) => {
      const { evil, scan } = await start(t, (request, elsewhere) =>
        isRedirected(request) ? { status, headers: { location: `https://${elsewhere}${request.path}` } } : undefined,
      )
      t.equal((await failure(scan())).reason, 'RegistryInvalidAnswer')
      t.equal(evil.requests.length, 0)
    })
  }
}

t.test('a manifest is not read from another host', async (t) => {
  const { evil, read } = await start(t, ({ path, authorization }, elsewhere) =>
    path.startsWith('/v2/') && authorization !== undefined
      ? { status: 307, headers: { location: `https://${elsewhere}/manifest` } }
      : undefined,
  )
  t.match(await failure(read()), { reason: 'RegistryInvalidAnswer', message: /for something other than a blob/ })
  t.equal(evil.requests.length, 0)
})

t.test('a blob is read from where the registry sends us, without our credential', async (t) => {
  const store = await startTestAcr(t, () => ({ body: bundle.layer }))
  const acr = await startTestAcr(
    t,
    holding(bundle, { status: 307, headers: { location: `https://${store.host}/blob?sig=1` } }),
  )
  const source = acr.source({ dispatcher: trustingBoth(acr, store) })
  const reference = { digest: bundle.digest, subject: image.digest, revision }
  t.match(await source.bundle(`${acr.host}/predictor`, reference, forever), { documents: [{ kind: 'ConfigMap' }] })
  t.match(store.requests, [{ method: 'GET', path: '/blob?sig=1', authorization: undefined }])
})

t.test('a blob store that asks for a credential gets none', async (t) => {
  const { acr, evil, read } = await start(t, (request, elsewhere) =>
    holding(bundle, { status: 307, headers: { location: `https://${elsewhere}/blob` } })(request),
  )
  t.match(await failure(read()), {
    reason: 'RegistryInvalidAnswer',
    message: /with our credential; the request was not made/,
  })
  t.strictSame(
    evil.requests.map(({ authorization }) => authorization),
    [undefined],
  )
  t.ok(acr.requests.length > 0)
})

t.test('a blob is not read without TLS', async (t) => {
  const { read } = await start(t, holding(bundle, { status: 307, headers: { location: 'http://blobs.invalid/blob' } }))
  t.match(await failure(read()), { reason: 'RegistryInvalidAnswer', message: /without TLS; the request was not made/ })
})

t.test('a blob is not read from an address with a user in it', async (t) => {
  const { evil, read } = await start(t, (request, elsewhere) =>
    holding(bundle, { status: 307, headers: { location: `https://a:b@${elsewhere}/blob` } })(request),
  )
  t.match(await failure(read()), { reason: 'RegistryInvalidAnswer', message: /with a user in the address/ })
  t.equal(evil.requests.length, 0)
})

t.test('redirects that go round are followed three times', async (t) => {
  const { acr, read } = await start(t, (request) => {
    const { path, authorization } = request
    if (path.startsWith('/v2/predictor/blobs/') && authorization === undefined) {
      return { status: 307, headers: { location: path } }
    }
    return holding(bundle, { status: 307, headers: { location: path } })(request)
  })
  t.equal((await failure(read())).reason, 'RegistryInvalidAnswer')
  t.equal(acr.requests.filter(({ path }) => path.includes('/blobs/')).length, 4)
})

t.test('other bytes of the same length are refused, and the process lives', async (t) => {
  const other = Buffer.from(bundle.layer)
  other[12] = (other[12] ?? 0) ^ 1
  const { read } = await start(t, holding(bundle, { body: other }))
  t.match(await failure(read()), { reason: 'RegistryInvalidAnswer', message: /that are not those that it names/ })
  await new Promise(setImmediate)
})

t.test('a manifest that is another than asked for is refused, whatever header says it is the one', async (t) => {
  const other = Buffer.from(bundle.manifest.toString().replace('r1', 'r2'))
  for (const named of [bundle.digest, digestOf(other)]) {
    const { read } = await start(t, ({ path, authorization }) =>
      path.includes('/manifests/') && authorization !== undefined
        ? { body: other, headers: { 'content-type': mediaTypes.ociManifest, 'docker-content-digest': named } }
        : undefined,
    )
    t.match(await failure(read()), { reason: 'RegistryInvalidAnswer', message: /does not have the digest/ })
  }
})

t.test('a manifest without end is not read without end', async (t) => {
  const { read } = await start(t, ({ path, authorization }) =>
    path.includes('/manifests/') && authorization !== undefined
      ? { body: Buffer.alloc(4 * 1024 * 1024 + 1, ' '), headers: { 'content-type': mediaTypes.ociManifest } }
      : undefined,
  )
  t.match(await failure(read()), { reason: 'RegistryInvalidAnswer', message: /more than 4194304 bytes/ })
})

/** A bundle made by hand, whose layer is whatever the test wants. */
function handMade(layer: Buffer, change: Record<string, unknown> = {}): EncodedBundle {
  const document = JSON.parse(bundle.manifest.toString()) as Record<string, unknown>
  const layers = [{ mediaType: bundleLayerType, digest: digestOf(layer), size: layer.byteLength }]
  const manifest = Buffer.from(JSON.stringify({ ...document, layers, ...change }))
  return { manifest, digest: digestOf(manifest), layer }
}

/** Nine of the level above on each of eight levels. */
function multiplyingAliases(): string {
  const levels = Array.from(
    { length: 8 },
    (_, i) =>
      `l${i}: &l${i} [${Array(9)
        .fill(i === 0 ? 'x' : `*l${i - 1}`)
        .join(', ')}]`,
  )
  return levels.join('\n')
}

const badBundles: Record<string, [bundle: EncodedBundle, message: RegExp]> = {
  'that unpacks to too much': [handMade(gzipSync(Buffer.alloc(5 * 1024 * 1024))), /unpacks to more than 4194304 bytes/],
  'of aliases that multiply': [handMade(gzipSync(multiplyingAliases())), /alias/i],
  'that belongs to another image': [
    handMade(bundle.layer, { subject: { ...image, digest: `sha256:${'b'.repeat(64)}` } }),
    /is attached to sha256:b+, not to sha256:a+/,
  ],
  'of another revision': [
    handMade(bundle.layer, { annotations: { 'org.opencontainers.image.revision': 'r2' } }),
    /is of revision r2, not of r1/,
  ],
  'that is not YAML': [handMade(gzipSync('a: [')), /line 1: /],
}

for (const [name, [content, message]] of Object.entries(badBundles)) {
  t.test(`a bundle ${name} is refused for good`, async (t) => {
    const { read } = await start(t, holding(content))
    t.match(await failure(read(content)), { kind: 'terminal', reason: 'BundleInvalid', message })
  })
}

t.test('a layer that is said to be large is not even asked for', async (t) => {
  const layers = [{ mediaType: bundleLayerType, digest: digestOf(bundle.layer), size: 10_000_000 }]
  const content = handMade(bundle.layer, { layers })
  const { acr, read } = await start(t, holding(content))
  t.match(await failure(read(content)), { kind: 'terminal', reason: 'BundleInvalid', message: /has 10000000 bytes/ })
  t.notOk(acr.requests.some(({ path }) => path.includes('/blobs/')))
})
