import t, { type Test } from 'tap'
import { bundleArtifactType, encodeBundle, type EncodedBundle } from './bundle-format.ts'
import { digestOf, mediaTypes } from './oci.ts'
import { challenge, manifestAnswer, startTestAcr, token, type RecordedRequest, type TestAnswer } from './test-acr.ts'
import { failure } from './test-failure.ts'

const forever = new AbortController().signal
const image = { mediaType: mediaTypes.ociManifest, digest: `sha256:${'a'.repeat(64)}`, size: 2 }
const fallbackTag = image.digest.replace(':', '-')
const first = encodeBundle('a: 1\n', image, 'r1')
const second = encodeBundle('a: 2\n', image, 'r2')

function descriptorOf({ manifest, digest }: EncodedBundle, rest: Record<string, unknown> = {}) {
  return {
    mediaType: mediaTypes.ociManifest,
    digest,
    size: manifest.byteLength,
    artifactType: bundleArtifactType,
    ...rest,
  }
}

function revisionOf(revision: string) {
  return { annotations: { 'org.opencontainers.image.revision': revision } }
}

function index(manifests: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }))
}

async function start(t: Test, answer: (path: string, request: RecordedRequest) => TestAnswer | undefined) {
  const acr = await startTestAcr(t, (request) => {
    if (request.authorization === undefined) return undefined
    const path = decodeURIComponent(request.path)
    const held = [first, second].find(({ digest }) => path === `/v2/predictor/manifests/${digest}`)
    return answer(path, request) ?? (held && manifestAnswer(held.manifest))
  })
  const source = acr.source()
  return {
    acr,
    source,
    repository: `${acr.host}/predictor`,
    find: () => source.bundles(`${acr.host}/predictor`, image.digest, forever),
  }
}

function referrers(answer: TestAnswer): (path: string) => TestAnswer | undefined {
  return (path) => (path.startsWith(`/v2/predictor/referrers/${image.digest}?`) ? answer : undefined)
}

t.test('bundles are found among the referrers, by one request that names their type', async (t) => {
  const listed = [descriptorOf(first, revisionOf('r1')), descriptorOf(second, revisionOf('r2'))]
  const { acr, find } = await start(t, referrers({ body: index(listed) }))
  t.strictSame(await find(), [
    { digest: first.digest, subject: image.digest, revision: 'r1' },
    { digest: second.digest, subject: image.digest, revision: 'r2' },
  ])
  const asked = acr.requests.filter(({ path }) => path.includes('/referrers/'))
  t.equal(asked.length, 1)
  t.equal(new URL(asked[0]?.path ?? '', 'https://x').searchParams.get('artifactType'), bundleArtifactType)
})

t.test('what is attached beside bundles is left aside, also where the registry does not', async (t) => {
  const sbom = { ...descriptorOf(second), artifactType: 'application/spdx+json' }
  const { find } = await start(t, referrers({ body: index([sbom, descriptorOf(first, revisionOf('r1'))]) }))
  t.strictSame(
    (await find()).map(({ digest }) => digest),
    [first.digest],
  )
})

t.test('a revision that the list leaves out is read from the bundle itself', async (t) => {
  const { acr, find } = await start(t, referrers({ body: index([descriptorOf(first)]) }))
  t.match(await find(), [{ digest: first.digest, revision: 'r1' }])
  t.equal(acr.requests.filter(({ path, authorization }) => path.includes('/manifests/') && authorization).length, 1)
})

t.test('a revision without end is not kept whole, nor taken for one that it begins with', async (t) => {
  const swollen = revisionOf('r'.repeat(1_000_000))
  for (const answer of [
    referrers({ body: index([descriptorOf(first, swollen)]) }),
    (path: string) =>
      path === `/v2/predictor/manifests/${fallbackTag}`
        ? manifestAnswer(index([descriptorOf(first, swollen)]), mediaTypes.ociIndex)
        : undefined,
  ]) {
    const { find } = await start(t, answer)
    t.strictSame(await find(), [{ digest: first.digest, subject: image.digest, revision: `${'r'.repeat(127)}…` }])
  }
})

t.test('pages of referrers are read to the end', async (t) => {
  const { find } = await start(t, (path) => {
    if (!path.includes('/referrers/')) return undefined
    if (path.includes('page=2')) return { body: index([descriptorOf(second, revisionOf('r2'))]) }
    const link = `</v2/predictor/referrers/${image.digest}?page=2>; rel="next"`
    return { body: index([descriptorOf(first, revisionOf('r1'))]), headers: { link } }
  })
  t.strictSame(
    (await find()).map(({ revision }) => revision),
    ['r1', 'r2'],
  )
})

t.test('a page of referrers that fails leaves no half a list', async (t) => {
  const { find } = await start(t, (path) => {
    if (!path.includes('/referrers/')) return undefined
    if (path.includes('page=2')) return { status: 404 }
    const link = `</v2/predictor/referrers/${image.digest}?page=2>; rel="next"`
    return { body: index([descriptorOf(first, revisionOf('r1'))]), headers: { link } }
  })
  t.match(await failure(find()), { kind: 'waiting', reason: 'RepositoryNotFound' })
})

t.test('where there is no referrers API, the tag that stands for it is read', async (t) => {
  const listed = index([descriptorOf(first, revisionOf('r1')), { ...descriptorOf(second), artifactType: 'other' }])
  const { find } = await start(t, (path) =>
    path === `/v2/predictor/manifests/${fallbackTag}` ? manifestAnswer(listed, mediaTypes.ociIndex) : undefined,
  )
  t.strictSame(await find(), [{ digest: first.digest, subject: image.digest, revision: 'r1' }])
})

t.test('the tag that stands for a long digest is cut as OCI says, for no tag is that long', async (t) => {
  const subject = `sha512:${'ab'.repeat(64)}`
  const { acr, source, repository } = await start(t, (path) =>
    path === `/v2/predictor/manifests/sha512-${'ab'.repeat(32)}`
      ? manifestAnswer(index([descriptorOf(first, revisionOf('r1'))]), mediaTypes.ociIndex)
      : undefined,
  )
  t.strictSame(await source.bundles(repository, subject, forever), [{ digest: first.digest, subject, revision: 'r1' }])
  t.notOk(acr.requests.some(({ path }) => path.includes('ab'.repeat(33)) && path.includes('/manifests/')))
})

t.test('where there is neither, nothing is attached', async (t) => {
  const { find } = await start(t, () => undefined)
  t.strictSame(await find(), [])
})

t.test('a referrers tag that is no index is refused', async (t) => {
  const { find } = await start(t, (path) =>
    path === `/v2/predictor/manifests/${fallbackTag}` ? manifestAnswer(first.manifest) : undefined,
  )
  t.match(await failure(find()), { reason: 'RegistryInvalidAnswer', message: /the referrers tag names no index/ })
})

t.test('more bundles than anyone attaches are not read one by one', async (t) => {
  const many = Array.from({ length: 51 }, (_, i) => ({
    ...descriptorOf(first),
    digest: digestOf(Buffer.from(String(i))),
  }))
  const { acr, find } = await start(t, referrers({ body: index(many) }))
  t.match(await failure(find()), { reason: 'RegistryInvalidAnswer', message: /more than 50 bundles/ })
  t.notOk(acr.requests.some(({ path }) => path.includes('/manifests/')))
})

for (const status of [401, 403]) {
  t.test(`a token that is refused by ${status} is replaced once`, async (t) => {
    let valid = token('one')
    let tries = 0
    const acr = await startTestAcr(t, ({ path, authorization }) => {
      if (path.startsWith('/oauth2/token')) return { body: { access_token: valid } }
      if (!path.includes('/referrers/')) return undefined
      tries += 1
      return authorization === `Bearer ${valid}` ? { body: index([]) } : { ...challenge(), status }
    })
    const source = acr.source()
    await source.bundles(`${acr.host}/predictor`, image.digest, forever)
    t.equal(tries, 1)
    valid = token('two')
    t.strictSame(await source.bundles(`${acr.host}/predictor`, image.digest, forever), [])
    t.equal(tries, 3)
  })
}

t.test('many who ask at once share one token', async (t) => {
  const { acr, find } = await start(t, referrers({ body: index([]) }))
  await Promise.all(Array.from({ length: 8 }, find))
  t.equal(acr.requests.filter(({ path }) => path.startsWith('/oauth2/token')).length, 1)
  t.equal(acr.requests.filter(({ path }) => path.startsWith('/oauth2/exchange')).length, 1)
})

t.test('a token that nears its end is asked for anew, from the same exchange', async (t) => {
  const acr = await startTestAcr(t, ({ path, authorization }) => {
    if (path.startsWith('/oauth2/token')) return { body: { access_token: token('short', 0) } }
    return path.includes('/referrers/') && authorization !== undefined ? { body: index([]) } : undefined
  })
  const source = acr.source()
  for (let i = 0; i < 3; i += 1) await source.bundles(`${acr.host}/predictor`, image.digest, forever)
  t.equal(acr.requests.filter(({ path }) => path.startsWith('/oauth2/token')).length, 3)
  t.equal(acr.requests.filter(({ path }) => path.startsWith('/oauth2/exchange')).length, 1)
})

t.test('the scope is the repository and no more than to pull', async (t) => {
  const { acr, find } = await start(t, referrers({ body: index([]) }))
  await find()
  const form = new URLSearchParams(acr.requests.find(({ path }) => path.startsWith('/oauth2/token'))?.body)
  t.equal(form.get('scope'), 'repository:predictor:pull')
  t.equal(form.get('service'), acr.host)
})

t.test('a Retry-After for referrers holds for polls too', async (t) => {
  const { source, repository, find } = await start(t, referrers({ status: 429, headers: { 'retry-after': '20' } }))
  t.match(await failure(find()), { kind: 'retryable', reason: 'RegistryThrottled', retryAfterMs: 20_000 })
  t.match(await failure(source.scan({ repository, matches: () => true }, forever)), { reason: 'RegistryThrottled' })
})

t.test('a bundle is read as its documents, in their order', async (t) => {
  const content = encodeBundle('a: 1\n---\nb: 2\n', image, 'r1')
  const { source, repository } = await start(t, (path) => {
    if (path === `/v2/predictor/manifests/${content.digest}`) return manifestAnswer(content.manifest)
    return path === `/v2/predictor/blobs/${digestOf(content.layer)}` ? { body: content.layer } : undefined
  })
  const reference = { digest: content.digest, subject: image.digest, revision: 'r1' }
  t.strictSame(await source.bundle(repository, reference, forever), {
    digest: content.digest,
    documents: [{ a: 1 }, { b: 2 }],
  })
})

t.test('a bundle or a layer that is gone is not there, for now', async (t) => {
  const { source, repository } = await start(t, () => undefined)
  const gone = { digest: digestOf(Buffer.from('gone')), subject: image.digest, revision: 'r1' }
  t.match(await failure(source.bundle(repository, gone, forever)), {
    kind: 'retryable',
    message: /has no such manifest/,
  })
  const reference = { digest: first.digest, subject: image.digest, revision: 'r1' }
  t.match(await failure(source.bundle(repository, reference, forever)), {
    kind: 'retryable',
    message: /has no blob sha256:/,
  })
})
