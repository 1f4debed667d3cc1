import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { withAttestation } from './attestation.ts'
import { blobPath, mediaTypes, openLayout, readIndex, readManifest } from './oci-image.ts'
import { makeTestImage } from './testing.ts'

t.test('an image becomes an index with an attestation beside it', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-oci-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const annotations = { 'org.opencontainers.image.revision': 'abc', 'windlass.dev/sequence': '7' }
  const image = await makeTestImage(join(dir, 'image'), { annotations })

  const wrapped = await withAttestation(image, join(dir, 'index'))
  t.equal(wrapped.root.mediaType, mediaTypes.index)
  t.same(await openLayout(join(dir, 'index')), wrapped)

  const { manifests, annotations: carried } = await readIndex(wrapped)
  t.same(carried, annotations, 'what the tag names says what the image says')
  const [real, attestation] = manifests
  t.match(real, { digest: image.root.digest, platform: { os: 'linux', architecture: /^(amd64|arm64)$/ } })
  t.match(attestation, {
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.digest': image.root.digest,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
  })

  const [layer] = attestation ? (await readManifest(wrapped, attestation)).layers : []
  const statement = JSON.parse(await readFile(blobPath(wrapped.layout, layer?.digest ?? ''), 'utf8'))
  t.match(statement, { subject: [{ digest: { sha256: image.root.digest.slice('sha256:'.length) } }] })

  for (const name of await readdir(join(dir, 'index/blobs/sha256'))) {
    const content = await readFile(join(dir, 'index/blobs/sha256', name))
    t.equal(createHash('sha256').update(content).digest('hex'), name, 'every blob is what its name says')
  }
})

t.test('an SBOM stands beside the provenance', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-oci-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const image = await makeTestImage(join(dir, 'image'))
  const wrapped = await withAttestation(image, join(dir, 'index'), { spdxVersion: 'SPDX-2.3' })
  const [, attestation] = (await readIndex(wrapped)).manifests
  const { layers } = await readManifest(wrapped, attestation)
  t.same(
    layers.map(({ annotations }) => annotations?.['in-toto.io/predicate-type']),
    ['https://slsa.dev/provenance/v1', 'https://spdx.dev/Document'],
  )
  const statement = JSON.parse(await readFile(blobPath(wrapped.layout, layers[1]?.digest ?? ''), 'utf8'))
  t.match(statement, {
    subject: [{ digest: { sha256: image.root.digest.slice('sha256:'.length) } }],
    predicate: { spdxVersion: 'SPDX-2.3' },
  })
})

t.test('a layout that holds more than one image is refused', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-oci-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const { layout, root } = await makeTestImage(join(dir, 'image'))
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [root, root] }))
  await t.rejects(openLayout(layout), { message: /names 2 images/ })
})
