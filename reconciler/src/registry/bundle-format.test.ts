import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import t from 'tap'
import {
  bundleArtifactType,
  bundleLayerType,
  checkBundleManifest,
  encodeBundle,
  mostCompressedBytes,
  mostTextBytes,
  unpackLayer,
  type Subject,
} from './bundle-format.ts'
import { digestOf, mediaTypes, type Manifest } from './oci.ts'

const subject: Subject = { mediaType: mediaTypes.ociManifest, digest: `sha256:${'a'.repeat(64)}`, size: 1234 }
const revision = '0123456789abcdef0123456789abcdef01234567'
const expected = { subject: subject.digest, revision }

function encoded(text = 'a: 1\n') {
  const bundle = encodeBundle(text, subject, revision)
  return { ...bundle, document: JSON.parse(bundle.manifest.toString()) as Manifest }
}

t.test('the manifest is what OCI asks of an artifact', (t) => {
  const { document, layer, digest, manifest } = encoded()
  t.strictSame(document, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/vnd.windlass.manifests.v1',
    config: {
      mediaType: 'application/vnd.oci.empty.v1+json',
      digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
      size: 2,
    },
    layers: [
      { mediaType: 'application/vnd.windlass.manifests.v1.yaml+gzip', digest: digestOf(layer), size: layer.byteLength },
    ],
    subject,
    annotations: { 'org.opencontainers.image.revision': revision },
  })
  t.equal(digest, digestOf(manifest))
  t.end()
})

t.test('attaching the same twice gives the same bytes: no time and no system in them', (t) => {
  const [first, second] = [encoded(), encoded()]
  t.ok(first.manifest.equals(second.manifest))
  t.ok(first.layer.equals(second.layer))
  t.strictSame([...first.layer.subarray(4, 8)], [0, 0, 0, 0], 'modification time')
  t.equal(first.layer[9], 255, 'operating system: unknown')
  t.end()
})

t.test('what was packed is unpacked', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
      const { layer, document } = encoded(text)
      const [descriptor] = document.layers
      const unpacked = descriptor === undefined ? undefined : await unpackLayer(layer, descriptor)
      return unpacked?.kind === 'ok' && unpacked.value === text.replace(/^\uFEFF/, '')
    }),
  )
  t.pass('held for every generated text')
})

function without(manifest: Manifest, field: keyof Manifest): Record<string, unknown> {
  return Object.fromEntries(Object.entries(manifest).filter(([name]) => name !== field))
}

const wrong: Record<string, [change: (manifest: Manifest) => unknown, problem: RegExp]> = {
  'another artifact': [(m) => ({ ...m, artifactType: 'application/spdx+json' }), /not an artifact of type/],
  'an index': [(m) => ({ ...without(m, 'config'), manifests: [] }), /not an artifact of type/],
  'a bundle of nothing': [(m) => without(m, 'subject'), /attached to nothing/],
  'a bundle of another image': [
    (m) => ({ ...m, subject: { ...subject, digest: `sha256:${'b'.repeat(64)}` } }),
    /attached to sha256:b+, not to sha256:a+/,
  ],
  'another revision': [
    (m) => ({ ...m, annotations: { 'org.opencontainers.image.revision': 'other' } }),
    /is of revision other, not of 0123/,
  ],
  'a revision without end': [
    (m) => ({ ...m, annotations: { 'org.opencontainers.image.revision': 'x'.repeat(1_000_000) } }),
    /^is of revision x{127}…, not of 0123/,
  ],
  'a layer of a type without end': [
    (m) => ({ ...m, layers: m.layers.map((layer) => ({ ...layer, mediaType: 'x'.repeat(1_000_000) })) }),
    /^its layer is of type x{127}…, not/,
  ],
  'no revision': [(m) => without(m, 'annotations'), /is of revision none/],
  'two layers': [(m) => ({ ...m, layers: [...m.layers, ...m.layers] }), /has 2 layers, not one/],
  'no layer': [(m) => ({ ...m, layers: [] }), /has 0 layers/],
  'a layer of another type': [
    (m) => ({ ...m, layers: m.layers.map((layer) => ({ ...layer, mediaType: 'application/x-tar' })) }),
    /its layer is of type application\/x-tar/,
  ],
  'a layer beyond the limit': [
    (m) => ({ ...m, layers: m.layers.map((layer) => ({ ...layer, size: mostCompressedBytes + 1 })) }),
    /has 524289 bytes compressed, 524288 at most/,
  ],
}

for (const [name, [change, problem]] of Object.entries(wrong)) {
  t.test(`${name} is refused`, (t) => {
    t.match(checkBundleManifest(change(encoded().document), expected), { kind: 'invalid', problem })
    t.end()
  })
}

t.test('the layer of a sound bundle is answered', (t) => {
  const { document, layer } = encoded()
  t.match(checkBundleManifest(document, expected), {
    kind: 'ok',
    value: { digest: digestOf(layer), mediaType: bundleLayerType },
  })
  t.equal(document.artifactType, bundleArtifactType)
  t.end()
})

function descriptorOf(layer: Buffer) {
  return { mediaType: bundleLayerType, digest: digestOf(layer), size: layer.byteLength }
}

t.test('bytes that the digest does not name are refused', async (t) => {
  const layer = gzipSync('a: 1')
  const other = gzipSync('a: 2')
  t.match(await unpackLayer(other, descriptorOf(layer)), { kind: 'invalid', problem: /is not what sha256:/ })
  t.match(await unpackLayer(layer.subarray(1), descriptorOf(layer)), { kind: 'invalid', problem: /is not what/ })
  t.match(await unpackLayer(layer, { ...descriptorOf(layer), size: 1 }), { kind: 'invalid', problem: /is not what/ })
})

t.test('a stream that unpacks to too much is refused', async (t) => {
  const fits = gzipSync(Buffer.alloc(mostTextBytes, 'a'))
  const bomb = gzipSync(Buffer.alloc(mostTextBytes + 1, 'a'))
  t.match(await unpackLayer(fits, descriptorOf(fits)), { kind: 'ok' })
  t.match(await unpackLayer(bomb, descriptorOf(bomb)), { kind: 'invalid', problem: /unpacks to more than/ })
})

t.test('what is no gzip, and what is no text, is refused', async (t) => {
  const plain = Buffer.from('a: 1')
  t.match(await unpackLayer(plain, descriptorOf(plain)), { kind: 'invalid', problem: /not a gzip stream/ })
  const cut = gzipSync('a'.repeat(1000)).subarray(0, 15)
  t.match(await unpackLayer(cut, descriptorOf(cut)), { kind: 'invalid', problem: /not a gzip stream/ })
  const binary = gzipSync(Buffer.from([0xff, 0xfe, 0xfd]))
  t.match(await unpackLayer(binary, descriptorOf(binary)), { kind: 'invalid', problem: /not UTF-8/ })
})
