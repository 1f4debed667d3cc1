import t from 'tap'
import { defaultAudience } from './acr.ts'
import { RegistryConnection } from './registry-connection.ts'
import { deleteRelease } from './release-lock.ts'
import { startTestAcr, testLimits, type Answerer, type RecordedRequest } from './test-acr.ts'

const name = 'predictor'
const tag = '0123456789abcdef0123456789abcdef01234567'
const [image, bundle, child] = ['a', 'b', 'c'].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string, string]
const time = '2026-11-26T09:12:44.2143119Z'

/** https://learn.microsoft.com/rest/api/containerregistry/tag/get-attributes, and the same of a manifest. */
function registry(isLocked: boolean): Answerer {
  const changeableAttributes = { deleteEnabled: true, writeEnabled: !isLocked, listEnabled: true, readEnabled: true }
  const times = { createdTime: time, lastUpdateTime: time }
  const shownTag = { name: tag, digest: image, ...times, changeableAttributes }
  const locked = { ...changeableAttributes, deleteEnabled: !isLocked }
  const shownBundle = { digest: bundle, imageSize: 1, ...times, changeableAttributes: locked }
  return ({ method, path, authorization }) => {
    if (authorization === undefined) return undefined
    const [bare = ''] = decodeURIComponent(path).split('?')
    // Who holds AcrDelete and AcrPull may change no attribute.
    if (method === 'PATCH' && !isLocked) return { status: 403, body: { errors: [{ code: 'DENIED', message: 'no' }] } }
    if (bare === `/acr/v1/${name}/_tags/${tag}`) return { body: { registry: 'r', imageName: name, tag: shownTag } }
    if (bare === `/acr/v1/${name}/_manifests/${bundle}`)
      return { body: { registry: 'r', imageName: name, manifest: shownBundle } }
    return method === 'DELETE' ? { status: 202 } : undefined
  }
}

const changesOf = (requests: readonly RecordedRequest[]) =>
  requests
    .filter(({ method, authorization }) => /PATCH|DELETE/.test(method) && authorization !== undefined)
    .map(({ method, path }) => `${method} ${decodeURIComponent(path).split('?')[0]?.split('/').at(-1)}`)

for (const isLocked of [false, true]) {
  t.test(`a release that is ${isLocked ? '' : 'not '}locked is deleted, and unlocked only where it is`, async (t) => {
    const acr = await startTestAcr(t, registry(isLocked))
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
    const release = { name, digest: image, tags: [tag], bundles: [bundle], children: [child] }
    await deleteRelease(connection, release, lifetime.signal)
    t.same(changesOf(acr.requests), [
      ...(isLocked ? [`PATCH ${tag}`, `PATCH ${bundle}`] : []),
      `DELETE ${image}`,
      `DELETE ${bundle}`,
      `DELETE ${child}`,
    ])
  })
}
