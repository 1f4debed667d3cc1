import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { startTestRegistry, testIds, type TestRegistry } from '../registry/testing.ts'
import { ensureTools } from '../tools.ts'
import { withAttestation } from './attestation.ts'
import { mediaTypes } from './oci-image.ts'
import { openRegistryClient, type RegistryClient } from './registry-client.ts'
import { makeTestImage } from './testing.ts'

const sha = '0123456789abcdef0123456789abcdef01234567'
const repository = 'team/predictor'

t.test('an image is there under its digest before any tag names it', async (t) => {
  const { registry, client, dir } = await start(t)
  const image = await makeTestImage(join(dir, 'image'))
  const pushed: string[] = []
  t.equal(await client.push(image, repository, { onBlob: ({ digest }) => pushed.push(digest) }), image.root.digest)
  t.equal(pushed.length, 2, 'config and layer')
  t.same(await read(registry, image.root.digest), { status: 200, type: mediaTypes.manifest, digest: image.root.digest })
  t.match(await read(registry, sha), { status: 404 })

  await client.tag(image, repository, sha)
  t.same(await read(registry, sha), { status: 200, type: mediaTypes.manifest, digest: image.root.digest })
})

t.test('what the registry has is not sent again', async (t) => {
  const { client, dir } = await start(t)
  await client.push(await makeTestImage(join(dir, 'one')), repository)
  const pushed: string[] = []
  const onBlob = ({ mediaType }: { mediaType: string }) => pushed.push(mediaType)
  await client.push(await makeTestImage(join(dir, 'same')), repository, { onBlob })
  t.same(pushed, [])
  await client.push(await makeTestImage(join(dir, 'other'), { content: 'another layer' }), repository, { onBlob })
  t.equal(pushed.length, 2)
})

t.test('an index is pushed after all that it names', async (t) => {
  const { registry, client, dir } = await start(t)
  const image = await makeTestImage(join(dir, 'image'))
  const index = await withAttestation(image, join(dir, 'index'))
  t.equal(await client.push(index, repository), index.root.digest)
  await client.tag(index, repository, sha)
  t.same(await read(registry, sha), { status: 200, type: mediaTypes.index, digest: index.root.digest })
  t.match(await read(registry, image.root.digest), { status: 200, type: mediaTypes.manifest })
})

t.test('a refusal tells what was asked and the code, never a secret', async (t) => {
  const { registry, dir } = await start(t)
  const image = await makeTestImage(join(dir, 'image'))
  const wrong = clientOf(registry, { username: 'ci', password: 'not-it' })
  await t.rejects(wrong.push(image, repository), {
    name: 'RegistryRefused',
    status: 401,
    message: 'GET /oauth2/token for team/predictor was answered 401 UNAUTHORIZED.',
  })
  const reader = clientOf(registry, testIds.puller)
  await t.rejects(reader.push(image, repository), {
    name: 'RegistryRefused',
    message: /^POST \/v2\/team\/predictor\/blobs\/uploads\/ was answered 40[13] /,
  })
})

t.test('a push ends when it is told to', async (t) => {
  const { client, dir } = await start(t)
  const image = await makeTestImage(join(dir, 'image'))
  await t.rejects(client.push(image, repository, { signal: AbortSignal.abort(new Error('enough')) }), {
    message: 'enough',
  })
})

async function start(t: Test): Promise<{ registry: TestRegistry; client: RegistryClient; dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-push-'))
  const { distribution } = await ensureTools(['distribution'])
  const registry = await startTestRegistry(t, {
    distribution: { binary: distribution, directory: join(dir, 'distribution') },
  })
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return { registry, client: clientOf(registry, testIds.pusher), dir }
}

function clientOf({ url, dispatcher }: TestRegistry, user: { username: string; password: string }): RegistryClient {
  return openRegistryClient({ origin: url, ...user, dispatcher })
}

/** As the kubelet sees it, which asks with a password of its own. */
async function read({ url, dispatcher }: TestRegistry, reference: string) {
  const { username, password } = testIds.puller
  const answer = await request(`${url}/v2/${repository}/manifests/${reference}`, {
    dispatcher,
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      accept: [mediaTypes.manifest, mediaTypes.index].join(', '),
    },
  })
  await answer.body.dump()
  const { 'content-type': type, 'docker-content-digest': digest } = answer.headers
  return { status: answer.statusCode, type, digest }
}
