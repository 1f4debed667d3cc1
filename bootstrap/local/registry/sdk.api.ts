import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { ArtifactTagProperties } from '@azure/container-registry'
import t from 'tap'
import { startRegistryWithContent } from './testing-content.ts'
import { testIds } from './testing.ts'
import { publisherClients, pushImage, readerClients, sdkClients } from './testing-sdk.ts'

t.test('the Azure SDK against the stand-in', async (t) => {
  const registry = await startRegistryWithContent(t)
  const publisher = await publisherClients(registry)
  const reader = await readerClients(registry)
  const content = publisher.content('team/app')
  const artifact = (name: string) => reader.client.getArtifact('team/app', name)
  const newestTags = (maxPageSize: number) =>
    artifact('any').listTagProperties({ order: 'LastUpdatedOnDescending' }).byPage({ maxPageSize })

  const digests = new Map<string, string>()
  for (const tag of ['c', 'a', 'b']) digests.set(tag, await pushImage(content, tag, tag))

  t.test('lists tags newest first, with their digests and times', async (t) => {
    const tags = await collect(newestTags(10))
    t.same(
      tags.map(({ name, digest }) => [name, digest]),
      ['b', 'a', 'c'].map((name) => [name, digests.get(name)]),
    )
    for (const { createdOn, lastUpdatedOn } of tags) t.same(createdOn, lastUpdatedOn)
  })

  t.test('follows the pages to the last', async (t) => {
    const tags = await collect(newestTags(1))
    t.same(
      tags.map(({ name }) => name),
      ['b', 'a', 'c'],
    )
  })

  t.test('polls with one request once it has its tokens', async (t) => {
    await newestTags(5).next()
    await registry.requests.settled()
    const before = registry.requests.last
    for (let poll = 0; poll < 3; poll += 1) await newestTags(5).next()
    await registry.requests.settled()
    const requests = registry.requests.query({ after: before })
    t.equal(requests.length, 3)
    for (const { method, path, query, status, bytesSent } of requests) {
      t.same({ method, path, status }, { method: 'GET', path: '/acr/v1/team/app/_tags', status: 200 })
      t.match(query, /n=5/)
      t.match(query, /orderby=timedesc/)
      t.ok(bytesSent < 3_000, `${bytesSent} bytes`)
    }
  })

  t.test('sees a tag that was moved as the newest, its creation time unchanged', async (t) => {
    const before = await artifact('c').getTagProperties('c')
    const moved = await pushImage(content, 'another', 'c')
    const [newest] = await collect(newestTags(1))
    t.match(newest, { name: 'c', digest: moved, createdOn: before.createdOn })
    t.ok(Number(newest?.lastUpdatedOn) > Number(before.lastUpdatedOn))
  })

  t.test('reads manifests, with what they run on and their tags', async (t) => {
    const manifest = await artifact('b').getManifestProperties()
    t.match(manifest, {
      digest: digests.get('b'),
      architecture: 'amd64',
      operatingSystem: 'linux',
      tags: ['b'],
      repositoryName: 'team/app',
    })
    t.ok(Number(manifest.sizeInBytes) > 100)
    const repository = await reader.client.getRepository('team/app').getProperties()
    t.match(repository, { name: 'team/app', tagCount: 3, manifestCount: 4 })
  })

  t.test('uploads and downloads a blob of several chunks, by the blob host', async (t) => {
    const sent = randomBytes(9 * 1024 * 1024)
    const { digest } = await content.uploadBlob(sent)
    const { content: stream } = await reader.content('team/app').downloadBlob(digest)
    t.ok((await buffer(stream)).equals(sent))
    await registry.requests.settled()
    t.match(registry.requests.query({ path: '/data$' }).at(-1), { status: 200, method: 'GET' })
  })

  t.test('reads a manifest by tag and by digest', async (t) => {
    const digest = digests.get('b') ?? ''
    const byTag = await reader.content('team/app').getManifest('b')
    const byDigest = await reader.content('team/app').getManifest(digest)
    t.equal(byTag.digest, digest)
    t.ok(byTag.content.equals(byDigest.content))
  })

  t.test('is refused what its identity may not do', async (t) => {
    t.match(await refusal(reader.client.getRepository('secret').getProperties()), { statusCode: 401 })
    t.match(await refusal(reader.content('team/app').uploadBlob(Buffer.from('x'))), { statusCode: 401 })
    t.match(await refusal(artifact('a').updateTagProperties('a', { canWrite: false })), { statusCode: 401 })
    t.match(await refusal(reader.client.listRepositoryNames().next()), { statusCode: 401 })
    t.equal((await publisher.client.listRepositoryNames().next()).value, 'team/app')
  })

  t.test('is refused to write and delete what is locked', async (t) => {
    const owner = publisher.client.getArtifact('team/app', 'a')
    await owner.updateTagProperties('a', { canWrite: false })
    t.match(await artifact('a').getTagProperties('a'), { canWrite: false, canDelete: true })
    t.match(await refusal(pushImage(content, 'overwrite', 'a')), {
      statusCode: 405,
      message: /REGISTRY_DISALLOWED_OPERATION/,
    })
    t.match(await refusal(owner.deleteTag('a')), { statusCode: 405 })
    t.match(await refusal(owner.delete()), { statusCode: 405 }, 'nor the manifest that it names')
    t.equal((await artifact('a').getTagProperties('a')).digest, digests.get('a'))
    await owner.updateTagProperties('a', { canWrite: true })
    await owner.deleteTag('a')
    t.match(await refusal(artifact('a').getTagProperties('a')), { statusCode: 404, message: /TAG_UNKNOWN/ })
    t.ok(await publisher.client.getArtifact('team/app', digests.get('a') ?? '').getManifestProperties())
  })

  t.test('deletes a manifest, and a repository', async (t) => {
    const digest = digests.get('b') ?? ''
    await publisher.client.getArtifact('team/app', digest).delete()
    t.match(await refusal(artifact('b').getTagProperties('b')), { statusCode: 404 })
    t.match(await refusal(reader.content('team/app').getManifest(digest)), { statusCode: 404 })
    await publisher.client.deleteRepository('team/app')
    t.match(await refusal(reader.client.getRepository('team/app').getProperties()), { statusCode: 404 })
    t.match(await refusal(reader.content('team/app').getManifest('c')), { statusCode: 404 })
  })
})

t.test('the Azure SDK gets a new access token, and nothing else, when its own has expired', async (t) => {
  let aheadMs = 0
  const lifetimes = { accessTokenSeconds: 60 }
  const registry = await startRegistryWithContent(t, { lifetimes }, { nowMs: () => Date.now() + aheadMs })
  const publisher = await publisherClients(registry)
  await pushImage(publisher.content('team/app'), 'v1', 'v1')
  const { client } = await readerClients(registry)
  const poll = () => client.getArtifact('team/app', 'any').listTagProperties().byPage().next()
  await poll()
  await registry.requests.settled()
  const before = registry.requests.last
  aheadMs = 61_000
  await poll()
  await registry.requests.settled()
  t.strictSame(
    registry.requests.query({ after: before }).map(({ path, status }) => `${path} ${status}`),
    ['/acr/v1/team/app/_tags 401', '/oauth2/token 200', '/acr/v1/team/app/_tags 200'],
  )
})

t.test('the Azure SDK with a projected token that does not fit', async (t) => {
  const registry = await startRegistryWithContent(t)
  const cases: Readonly<Record<string, readonly [Readonly<Record<string, unknown>>, RegExp]>> = {
    'of another issuer': [{ iss: 'https://elsewhere' }, /AADSTS700211/],
    'for another audience': [{ aud: 'kubernetes' }, /AADSTS700212/],
    'of another service account': [{ sub: 'system:serviceaccount:a:b' }, /AADSTS700213/],
    'that has expired': [{ exp: 1_000 }, /AADSTS700024/],
  }
  for (const [name, [claims, expected]] of Object.entries(cases)) {
    t.test(`${name} is refused`, async (t) => {
      const { client } = await sdkClients(registry, testIds.clientId, claims)
      await t.rejects(client.getRepository('team/app').getProperties(), { message: expected })
    })
  }
})

/** The error of a call that must fail. */
async function refusal(call: Promise<unknown>): Promise<unknown> {
  try {
    await call
  } catch (error) {
    return error
  }
  throw new Error('it was not refused')
}

async function collect(
  pages: AsyncIterable<readonly ArtifactTagProperties[]>,
): Promise<readonly ArtifactTagProperties[]> {
  const tags: ArtifactTagProperties[] = []
  for await (const page of pages) tags.push(...page)
  return tags
}
