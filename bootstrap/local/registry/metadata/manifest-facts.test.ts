import t from 'tap'
import { readManifestFacts, sha256Of } from './manifest-facts.ts'

const imageType = 'application/vnd.oci.image.manifest.v1+json'
const indexType = 'application/vnd.oci.image.index.v1+json'
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: 'sha256:c', size: 7 }
const none = async () => undefined

t.test('an image tells what it runs on, by its configuration', async (t) => {
  const content = manifest({
    mediaType: imageType,
    config,
    layers: [{ mediaType: 'l', digest: 'sha256:l', size: 100 }],
  })
  const asked: string[] = []
  const facts = await readManifestFacts(content, imageType, async (digest) => {
    asked.push(digest)
    return { architecture: 'amd64', os: 'linux' }
  })
  t.same(asked, ['sha256:c'])
  t.same(facts, {
    digest: sha256Of(content),
    mediaType: imageType,
    size: content.byteLength,
    imageSize: content.byteLength + 107,
    configMediaType: config.mediaType,
    artifactType: config.mediaType,
    architecture: 'amd64',
    os: 'linux',
  })
})

t.test('an artifact tells its type, its subject and its annotations; nobody asks for its configuration', async (t) => {
  const content = manifest({
    artifactType: 'application/vnd.windlass.manifests.v1',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: 'sha256:e', size: 2 },
    layers: [],
    subject: { mediaType: imageType, digest: 'sha256:s', size: 9 },
    annotations: { 'org.opencontainers.image.revision': 'abc' },
  })
  const facts = await readManifestFacts(content, imageType, async () => t.fail('asked') as never)
  t.match(facts, {
    mediaType: imageType,
    artifactType: 'application/vnd.windlass.manifests.v1',
    subject: 'sha256:s',
    annotations: { 'org.opencontainers.image.revision': 'abc' },
  })
})

t.test('an index tells what it refers to', async (t) => {
  const content = manifest({
    mediaType: indexType,
    manifests: [
      {
        mediaType: imageType,
        digest: 'sha256:a',
        size: 5,
        platform: { architecture: 'arm64', os: 'linux', variant: 'v8' },
      },
      { mediaType: imageType, digest: 'sha256:b', size: 6 },
    ],
  })
  const facts = await readManifestFacts(content, indexType, none)
  t.same(facts.references, [{ digest: 'sha256:a', architecture: 'arm64', os: 'linux' }, { digest: 'sha256:b' }])
  t.equal(facts.imageSize, content.byteLength + 11)
  t.equal(facts.artifactType, undefined)
})

function manifest(value: object): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, ...value }))
}
