import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { request } from 'undici'
import type { Dispatcher } from 'undici'
import { startRegistryWithContent } from './testing-content.ts'
import { basic } from './testing-http.ts'
import { testIds } from './testing.ts'
import type { TestRegistry } from './testing.ts'

const imageType = 'application/vnd.oci.image.manifest.v1+json'
const bundleType = 'application/vnd.windlass.manifests.v1'
const authorization = basic(testIds.pusher)

t.test('content, as containerd and buildah push and pull it', async (t) => {
  const registry = await startRegistryWithContent(t)
  const blob = randomBytes(100_000)
  const digest = digestOf(blob)

  t.test('a blob is pushed in chunks, at a place that is a path alone', async (t) => {
    const started = await call(registry, 'POST', '/v2/team/app/blobs/uploads/')
    t.equal(started.status, 202)
    let location = String(started.headers['location'])
    t.match(location, /^\/v2\/team\/app\/blobs\/uploads\//)
    for (const part of [blob.subarray(0, 60_000), blob.subarray(60_000)]) {
      const answer = await call(registry, 'PATCH', location, { 'content-type': 'application/octet-stream' }, part)
      t.equal(answer.status, 202)
      location = String(answer.headers['location'])
    }
    t.equal((await call(registry, 'GET', location)).headers['range'], '0-99999')
    const done = await call(registry, 'PUT', `${location}&digest=${digest}`)
    t.equal(done.status, 201)
    t.equal(done.headers['docker-content-digest'], digest)
    t.equal(done.headers['location'], `/v2/team/app/blobs/${digest}`)
  })

  t.test('a blob is pushed in one request, or mounted from another repository', async (t) => {
    t.equal(await pushBlob(registry, 'team/app', Buffer.from('one')), digestOf(Buffer.from('one')))
    const mounted = await call(registry, 'POST', `/v2/other/blobs/uploads/?mount=${digest}&from=team/app`)
    t.equal(mounted.status, 201)
    t.equal((await pull(registry, `/v2/other/blobs/${digest}`)).status, 200)
  })

  t.test('an upload whose digest does not fit is refused', async (t) => {
    const started = await call(registry, 'POST', '/v2/team/app/blobs/uploads/')
    const wrong = digestOf(Buffer.from('something else'))
    const done = await call(
      registry,
      'PUT',
      `${String(started.headers['location'])}&digest=${wrong}`,
      { 'content-type': 'application/octet-stream' },
      Buffer.from('something'),
    )
    t.equal(done.status, 400)
    t.match(done.text, /DIGEST_INVALID/)
  })

  t.test('a blob is read from the blob host, in whole, in part, and its head', async (t) => {
    const path = `/v2/team/app/blobs/${digest}`
    const redirect = await call(registry, 'GET', path)
    t.equal(redirect.status, 307)
    t.equal(redirect.headers['docker-content-digest'], digest)
    const whole = await pull(registry, path)
    t.ok(whole.body.equals(blob))
    const range = await pull(registry, path, { range: 'bytes=10-19' })
    t.equal(range.status, 206)
    t.equal(range.headers['content-range'], 'bytes 10-19/100000')
    t.ok(range.body.equals(blob.subarray(10, 20)))
    const head = await pull(registry, path, {}, 'HEAD')
    t.equal(head.headers['content-length'], '100000')
    t.equal(head.body.byteLength, 0)
  })

  t.test('the blob host refuses whoever sends credentials along, and whoever has no signature', async (t) => {
    const redirect = await call(registry, 'GET', `/v2/team/app/blobs/${digest}`)
    const location = new URL(String(redirect.headers['location']))
    t.not(location.host, new URL(registry.url).host, 'another origin, so that clients drop their credentials')
    const withCredentials = await get(registry, location, { authorization })
    t.equal(withCredentials.status, 400)
    t.equal(withCredentials.headers['x-ms-error-code'], 'InvalidAuthenticationInfo')
    location.searchParams.delete('sig')
    t.equal((await get(registry, location)).status, 403)
  })

  t.test('a blob that is not there is 404 before any redirect', async (t) => {
    const missing = await call(registry, 'GET', `/v2/team/app/blobs/sha256:${'0'.repeat(64)}`)
    t.equal(missing.status, 404)
    t.match(missing.text, /BLOB_UNKNOWN/)
  })

  t.test('a manifest is pushed by digest and by tag, read by both, and its head', async (t) => {
    const { digest: image, content } = await pushManifest(registry, 'team/app', imageOf(blob))
    await putManifest(registry, 'team/app', 'v1', content)
    for (const reference of [image, 'v1']) {
      const got = await call(registry, 'GET', `/v2/team/app/manifests/${reference}`, { accept: imageType })
      t.equal(got.status, 200)
      t.equal(got.headers['content-type'], imageType)
      t.equal(got.headers['docker-content-digest'], image)
      t.equal(got.text, content.toString())
      const head = await call(registry, 'HEAD', `/v2/team/app/manifests/${reference}`, { accept: imageType })
      t.equal(head.headers['content-length'], String(content.byteLength))
      t.equal(head.text, '')
    }
    t.same(JSON.parse((await call(registry, 'GET', '/v2/team/app/tags/list')).text), { name: 'team/app', tags: ['v1'] })
  })

  t.test('a manifest whose blobs are not there is refused, and not recorded', async (t) => {
    const answer = await call(
      registry,
      'PUT',
      '/v2/empty/manifests/v1',
      { 'content-type': imageType },
      imageOf(Buffer.from('never pushed')),
    )
    t.equal(answer.status, 400)
    t.equal((await call(registry, 'GET', '/acr/v1/empty/_tags')).status, 404)
  })

  t.test('a tag is not deleted as a manifest, which has a digest', async (t) => {
    t.equal((await call(registry, 'DELETE', '/v2/team/app/manifests/v1')).status, 405)
  })

  t.test('pushes of one tag at once end with the tag that is pulled', async (t) => {
    const images = await Promise.all(
      ['1', '2', '3', '4', '5', '6'].map((name) => {
        return pushManifest(registry, 'team/app', imageOf(blob, { annotations: { name } }), 'contested')
      }),
    )
    const pulled = await call(registry, 'HEAD', '/v2/team/app/manifests/contested', { accept: imageType })
    const recorded = await call(registry, 'GET', '/acr/v1/team/app/_tags/contested')
    const { tag } = JSON.parse(recorded.text) as { tag: { digest: string } }
    t.equal(tag.digest, pulled.headers['docker-content-digest'])
    t.ok(images.some((image) => image.digest === tag.digest))
  })
})

t.test('a bundle that is attached to an image', async (t) => {
  t.test('is listed by the referrers API, and the push says so', async (t) => {
    const registry = await startRegistryWithContent(t)
    const { image, bundle, pushed } = await attach(registry)
    t.equal(pushed.headers['oci-subject'], image)
    const listed = await call(registry, 'GET', `/v2/team/app/referrers/${image}?artifactType=${bundleType}`)
    t.equal(listed.status, 200)
    t.equal(listed.headers['content-type'], 'application/vnd.oci.image.index.v1+json')
    t.equal(listed.headers['oci-filters-applied'], 'artifactType')
    t.match(JSON.parse(listed.text), { manifests: [{ digest: bundle, artifactType: bundleType }] })
    const others = await call(registry, 'GET', `/v2/team/app/referrers/${image}?artifactType=a/b`)
    t.match(JSON.parse(others.text), { manifests: [] })
  })

  t.test('goes with its image', async (t) => {
    const registry = await startRegistryWithContent(t)
    const { image, bundle } = await attach(registry)
    t.equal((await call(registry, 'DELETE', `/v2/team/app/manifests/${image}`)).status, 202)
    t.equal((await call(registry, 'GET', `/v2/team/app/manifests/${bundle}`)).status, 404)
  })

  t.test('is found by the tag of the fallback where there is no such API', async (t) => {
    const registry = await startRegistryWithContent(t, { referrers: { api: false } })
    const { image, bundle, pushed } = await attach(registry)
    t.equal(pushed.headers['oci-subject'], undefined)
    t.equal((await call(registry, 'GET', `/v2/team/app/referrers/${image}`)).status, 404)
    const index = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [
          { mediaType: imageType, digest: bundle, size: pushed.content.byteLength, artifactType: bundleType },
        ],
      }),
    )
    const fallback = image.replace(':', '-')
    await putManifest(registry, 'team/app', fallback, index, 'application/vnd.oci.image.index.v1+json')
    t.equal((await call(registry, 'GET', `/v2/team/app/manifests/${fallback}`)).text, index.toString())
  })
})

t.test('what was pushed is there after a restart, and the URL of a blob expires', async (t) => {
  let skewMs = 0
  const first = await startRegistryWithContent(t, {}, { nowMs: () => Date.now() + skewMs })
  const { digest } = await pushManifest(first, 'team/app', imageOf(Buffer.from('kept')), 'v1')
  const tags = await call(first, 'GET', '/acr/v1/team/app/_tags')
  const location = await call(first, 'GET', `/v2/team/app/blobs/${digestOf(Buffer.from('kept'))}`)
  const url = new URL(String(location.headers['location']))
  t.equal((await get(first, url)).status, 200)
  skewMs = 1_201_000
  t.equal((await get(first, url)).status, 403)
  skewMs = 0
  await first.stop()

  const second = await startRegistryWithContent(t, {
    stateDir: first.config.stateDir,
    distribution: first.config.distribution,
  })
  t.equal((await call(second, 'GET', '/acr/v1/team/app/_tags')).text, tags.text)
  t.equal((await call(second, 'GET', `/v2/team/app/manifests/${digest}`, { accept: imageType })).status, 200)
})

t.test('a distribution that ends is told, and its content is 502', async (t) => {
  const registry = await startRegistryWithContent(t)
  process.kill(registry.distributionPid ?? 0, 'SIGKILL')
  t.equal(await registry.failed, 'it was ended by SIGKILL')
  t.equal((await call(registry, 'GET', '/v2/team/app/manifests/v1')).status, 502)
})

interface Called {
  readonly status: number
  readonly headers: Dispatcher.ResponseData['headers']
  readonly body: Buffer
  readonly text: string
}

async function call(
  { url, dispatcher }: TestRegistry,
  method: Dispatcher.HttpMethod,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: Buffer | null = null,
): Promise<Called> {
  return read(await request(`${url}${path}`, { dispatcher, method, headers: { authorization, ...headers }, body }))
}

async function get(
  { dispatcher }: TestRegistry,
  url: URL,
  headers: Readonly<Record<string, string>> = {},
  method: Dispatcher.HttpMethod = 'GET',
): Promise<Called> {
  return read(await request(url, { dispatcher, method, headers: { ...headers } }))
}

/** Follows the redirect to the blob host, as a client does that drops its credentials there. */
async function pull(
  registry: TestRegistry,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method: Dispatcher.HttpMethod = 'GET',
): Promise<Called> {
  const redirect = await call(registry, method, path, headers)
  return get(registry, new URL(String(redirect.headers['location'])), headers, method)
}

async function read({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Called> {
  const content = Buffer.from(await body.arrayBuffer())
  return { status: statusCode, headers, body: content, text: content.toString() }
}

async function pushBlob(registry: TestRegistry, repository: string, content: Buffer): Promise<string> {
  const started = await call(registry, 'POST', `/v2/${repository}/blobs/uploads/`)
  const place = `${String(started.headers['location'])}&digest=${digestOf(content)}`
  const done = await call(registry, 'PUT', place, { 'content-type': 'application/octet-stream' }, content)
  return String(done.headers['docker-content-digest'])
}

/** Pushes the two blobs that `imageOf` names, and the manifest. */
async function pushManifest(
  registry: TestRegistry,
  repository: string,
  content: Buffer,
  tag?: string,
): Promise<Called & { readonly digest: string; readonly content: Buffer }> {
  await pushBlob(registry, repository, Buffer.from('{}'))
  await pushBlob(registry, repository, Buffer.from('kept'))
  const digest = digestOf(content)
  return { ...(await putManifest(registry, repository, tag ?? digest, content)), digest, content }
}

async function putManifest(
  registry: TestRegistry,
  repository: string,
  reference: string,
  content: Buffer,
  type = imageType,
): Promise<Called> {
  const answer = await call(
    registry,
    'PUT',
    `/v2/${repository}/manifests/${reference}`,
    { 'content-type': type },
    content,
  )
  if (answer.status !== 201) throw new Error(`${answer.status}: ${answer.text}`)
  return answer
}

async function attach(registry: TestRegistry) {
  const layer = Buffer.from('kept')
  const { digest: image } = await pushManifest(registry, 'team/app', imageOf(layer), 'v1')
  const subject = { mediaType: imageType, digest: image, size: imageOf(layer).byteLength }
  const pushed = await pushManifest(registry, 'team/app', imageOf(layer, { artifactType: bundleType, subject }))
  return { image, bundle: pushed.digest, pushed }
}

function imageOf(layer: Buffer, more: object = {}): Buffer {
  const config = Buffer.from('{}')
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: imageType,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: digestOf(config),
        size: config.byteLength,
      },
      layers: [{ mediaType: 'application/octet-stream', digest: digestOf(layer), size: layer.byteLength }],
      ...more,
    }),
  )
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}
