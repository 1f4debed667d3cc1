import t, { type Test } from 'tap'
import { lock } from '../cli/lock.ts'
import { defaultAudience } from './acr.ts'
import { bundleArtifactType } from './bundle-format.ts'
import { digestOf, mediaTypes } from './oci.ts'
import { RegistryConnection } from './registry-connection.ts'
import { deleteRelease } from './release-lock.ts'
import { manifestAnswer, startTestAcr, testLimits, type Answerer, type RecordedRequest } from './test-acr.ts'

const name = 'predictor'
const tag = '0123456789abcdef0123456789abcdef01234567'
const [bundle, signature, child, provenance] = ['b', 'c', 'd', 'e'].map((digit) => `sha256:${digit.repeat(64)}`) as [
  string,
  string,
  string,
  string,
]
const describe = (digest: string, more: object = {}) => ({
  mediaType: mediaTypes.ociManifest,
  digest,
  size: 1,
  ...more,
})
const index = (...manifests: readonly object[]) =>
  Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }))
const imageBytes = index(describe(child), describe(provenance))
const image = digestOf(imageBytes)
const referrers = index(
  describe(bundle, {
    artifactType: bundleArtifactType,
    annotations: { 'org.opencontainers.image.revision': tag },
  }),
  describe(signature, { artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json' }),
)
const time = '2026-11-26T09:12:44.2143119Z'
const isIndex = { 'content-type': mediaTypes.ociIndex }

interface Registry {
  readonly isLocked: boolean
  /** What the tag names, each time it is asked for; the last one from then on. */
  readonly named?: readonly string[]
  readonly absent?: string
}

/** https://learn.microsoft.com/rest/api/containerregistry/tag/get-attributes, and the same of a manifest. */
function registry({ isLocked, named = [image], absent }: Registry): Answerer {
  const changeableAttributes = { deleteEnabled: true, writeEnabled: !isLocked, listEnabled: true, readEnabled: true }
  const times = { createdTime: time, lastUpdateTime: time }
  const locked = { ...changeableAttributes, deleteEnabled: !isLocked }
  const left = [...named]
  return ({ method, path, authorization }) => {
    if (authorization === undefined) return undefined
    const [bare = ''] = decodeURIComponent(path).split('?')
    const digest = bare.split('/').at(-1) ?? ''
    if (digest === absent) return { status: 404, body: { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'no' }] } }
    if (bare === `/acr/v1/${name}/_tags/${tag}`) {
      const names = left.length > 1 ? left.shift() : left[0]
      const shown = { name: tag, digest: names, ...times, changeableAttributes }
      return { body: { registry: 'r', imageName: name, tag: shown } }
    }
    if (bare.startsWith(`/acr/v1/${name}/_manifests/`)) {
      const shown = { digest, imageSize: 1, ...times, changeableAttributes: locked }
      return { body: { registry: 'r', imageName: name, manifest: shown } }
    }
    if (bare === `/v2/${name}/referrers/${image}`) return { body: referrers, headers: isIndex }
    if (bare === `/v2/${name}/manifests/${image}` && method === 'GET') {
      return manifestAnswer(imageBytes, mediaTypes.ociIndex)
    }
    return method === 'DELETE' ? { status: 202 } : undefined
  }
}

async function open(t: Test, answer: Answerer) {
  const acr = await startTestAcr(t, answer)
  const lifetime = new AbortController()
  t.teardown(() => lifetime.abort())
  const connection = new RegistryConnection({
    registry: acr.host,
    credential: () => ({ getToken: async () => ({ token: 'entra', expiresOnTimestamp: Date.now() + 3_600_000 }) }),
    dispatcher: acr.dispatcher,
    lifetime: lifetime.signal,
    limits: testLimits,
    audience: defaultAudience,
  })
  const { signal } = lifetime
  const lockIt = () =>
    lock({ image: `${acr.host}/${name}@${image}`, revision: tag }, { connect: () => connection, say: () => {}, signal })
  return { acr, connection, signal, lockIt }
}

const changesOf = (requests: readonly RecordedRequest[]) =>
  requests
    .filter(({ method, authorization }) => /PATCH|DELETE/.test(method) && authorization !== undefined)
    .map(({ method, path, body }) => {
      const changed = `${method} ${decodeURIComponent(path).split('?')[0]?.split('/').at(-1)}`
      return body === '' ? changed : `${changed} ${body}`
    })

const kept = (digest: string) => `PATCH ${digest} {"deleteEnabled":false}`

t.test('all that a release needs and no tag names is locked, and its tag last', async (t) => {
  const { acr, lockIt } = await open(t, registry({ isLocked: false }))
  await lockIt()
  t.same(changesOf(acr.requests), [
    ...[child, provenance, bundle, signature].map(kept),
    `PATCH ${tag} {"writeEnabled":false}`,
  ])
})

t.test('of an image that the tag does not name, nothing is locked', async (t) => {
  const { acr, lockIt } = await open(t, registry({ isLocked: false, named: [bundle] }))
  await t.rejects(lockIt(), { reason: 'TagMoved', message: /can't lock .*: the tag names sha256:b+, not/ })
  t.same(changesOf(acr.requests), [])
})

t.test('a tag that is moved meanwhile is not locked to where it went', async (t) => {
  const { acr, lockIt } = await open(t, registry({ isLocked: false, named: [image, bundle] }))
  await t.rejects(lockIt(), { reason: 'TagMoved', message: /can't lock/ })
  t.same(changesOf(acr.requests), [child, provenance, bundle, signature].map(kept))
})

t.test('what an index names and is not there keeps nothing else from being locked', async (t) => {
  const { acr, lockIt } = await open(t, registry({ isLocked: false, absent: provenance }))
  await lockIt()
  t.equal(changesOf(acr.requests).at(-1), `PATCH ${tag} {"writeEnabled":false}`)
})

for (const isLocked of [false, true]) {
  t.test(`a release that is ${isLocked ? '' : 'not '}locked is deleted, and unlocked only where it is`, async (t) => {
    const { acr, connection, signal } = await open(t, (request) => {
      // Who holds AcrDelete and AcrPull may change no attribute.
      if (request.method === 'PATCH' && request.authorization !== undefined && !isLocked) {
        return { status: 403, body: { errors: [{ code: 'DENIED', message: 'no' }] } }
      }
      return registry({ isLocked, absent: provenance })(request)
    })
    const release = {
      name,
      digest: image,
      tags: [tag],
      attached: [bundle, signature],
      children: [child, provenance],
    }
    await deleteRelease(connection, release, signal)
    t.same(changesOf(acr.requests), [
      ...(isLocked
        ? [
            `PATCH ${tag} {"deleteEnabled":true,"writeEnabled":true}`,
            ...[bundle, signature, child].map((digest) => `PATCH ${digest} {"deleteEnabled":true}`),
          ]
        : []),
      ...[image, bundle, signature, child, provenance].map((digest) => `DELETE ${digest}`),
    ])
  })
}
