import t from 'tap'
import { isTag } from '../core/image-reference.ts'
import { parseSequence, readImageFacts } from './image-facts.ts'
import { mediaTypes } from './oci.ts'

const digest = `sha256:${'a'.repeat(64)}`
const sequence = 'windlass.dev/sequence'
const revision = 'org.opencontainers.image.revision'

function descriptor(mediaType: string, rest: Record<string, unknown> = {}) {
  return { mediaType, digest, size: 2, ...rest }
}

function manifest(annotations?: Record<string, string>, configType: string = mediaTypes.ociConfig) {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptor(configType),
    layers: [],
    annotations,
  }
}

function index(manifests: readonly unknown[], annotations?: Record<string, string>) {
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, ...(annotations && { annotations }) }
}

const amd64 = descriptor(mediaTypes.ociManifest, { platform: { architecture: 'amd64', os: 'linux' } })
const attestation = descriptor(mediaTypes.ociManifest, {
  platform: { architecture: 'unknown', os: 'unknown' },
  annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
})

t.test('an image says its sequence and revision by annotations', (t) => {
  t.strictSame(readImageFacts(manifest({ [sequence]: '42', [revision]: 'abc' }), mediaTypes.ociManifest), {
    kind: 'facts',
    facts: { mediaType: mediaTypes.ociManifest, sequence: 42, revision: 'abc' },
  })
  t.end()
})

t.test('an image without annotations has neither', (t) => {
  const { annotations: _, ...bare } = manifest()
  t.strictSame(readImageFacts(bare, mediaTypes.ociManifest), {
    kind: 'facts',
    facts: { mediaType: mediaTypes.ociManifest },
  })
  t.end()
})

t.test('a Docker image, whose format knows no annotations, is an image too', (t) => {
  const docker = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: descriptor(mediaTypes.dockerConfig),
    layers: [],
  }
  t.strictSame(readImageFacts(docker, mediaTypes.dockerManifest), {
    kind: 'facts',
    facts: { mediaType: mediaTypes.dockerManifest },
  })
  t.end()
})

t.test('an index speaks for itself, attestations beside its images or not', (t) => {
  t.strictSame(readImageFacts(index([amd64, attestation], { [sequence]: '7' }), mediaTypes.ociIndex), {
    kind: 'facts',
    facts: { mediaType: mediaTypes.ociIndex, sequence: 7 },
  })
  t.strictSame(readImageFacts(index([{ ...amd64, annotations: { [sequence]: '7' } }]), mediaTypes.ociIndex), {
    kind: 'facts',
    facts: { mediaType: mediaTypes.ociIndex },
  })
  t.end()
})

const invalid: Record<string, [document: unknown, problem: RegExp]> = {
  'a chart': [manifest({}, 'application/vnd.cncf.helm.config.v1+json'), /artifact of type .*helm/],
  'an index of attestations alone': [index([attestation]), /holds no image/],
  'an empty index': [index([]), /holds no image/],
  'a document that is both': [{ ...manifest({}), manifests: [] }, /neither an image nor an index/],
  'a document of another schema': [{ schemaVersion: 1, fsLayers: [] }, /neither an image nor an index/],
  'something that is no object': ['hello', /neither an image nor an index/],
  'a sequence that is a word': [manifest({ [sequence]: 'latest' }), /is "latest", not a whole number/],
  'a negative sequence': [manifest({ [sequence]: '-1' }), /not a whole number/],
  'an annotation that is no text': [manifest({ [sequence]: 1 as unknown as string }), /neither an image/],
}

for (const [name, [document, problem]] of Object.entries(invalid)) {
  t.test(`${name} can't be a release`, (t) => {
    t.match(readImageFacts(document, 'x/y'), { kind: 'invalid', problem })
    t.end()
  })
}

const endless = 'x'.repeat(1_000_000)
const swollen: Record<string, unknown> = {
  'a revision': manifest({ [revision]: endless }),
  'a media type': { ...manifest(), mediaType: endless },
  'a type of config': manifest({}, endless),
  'a type of artifact': { ...manifest({}, 'x/y'), artifactType: endless },
  'a sequence': manifest({ [sequence]: endless }),
}
for (const [name, document] of Object.entries(swollen)) {
  t.test(`${name} without end is not kept whole`, (t) => {
    t.ok(JSON.stringify(readImageFacts(document, 'x/y')).length < 1_000)
    t.ok(JSON.stringify(readImageFacts(document, endless)).length < 1_000)
    t.end()
  })
}

t.test('a revision that is too long for a tag is not shortened into one', (t) => {
  const revisionOf = (text: string) => {
    const read = readImageFacts(manifest({ [revision]: text }), 'x/y')
    return read.kind === 'facts' ? read.facts.revision : undefined
  }
  t.equal(revisionOf('x'.repeat(128)), 'x'.repeat(128))
  t.equal(isTag(revisionOf('x'.repeat(129)) ?? ''), false)
  t.equal(revisionOf('feature/x'), 'feature/x', 'attach says what it was built from')
  t.end()
})

t.test('a sequence is digits alone, as many as a number holds exactly', (t) => {
  t.equal(parseSequence('0'), 0)
  t.equal(parseSequence(String(Number.MAX_SAFE_INTEGER)), Number.MAX_SAFE_INTEGER)
  for (const text of [
    '',
    '01',
    '1.0',
    '1e3',
    '+1',
    ' 1',
    '0x10',
    String(Number.MAX_SAFE_INTEGER + 1),
    '9'.repeat(30),
  ]) {
    t.equal(parseSequence(text), undefined, text)
  }
  t.end()
})
