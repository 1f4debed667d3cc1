import type { ContainerRegistryContentClient } from '@azure/container-registry'
import { AppError } from '../core/errors.ts'
import { bundleArtifactType, emptyConfig, type EncodedBundle, type Subject } from './bundle-format.ts'
import { readManifest } from './content.ts'
import { readImageFacts, type ReadFacts } from './image-facts.ts'
import { digestOf, mediaTypes, parseOciDocument, referrersTag, type Descriptor } from './oci.ts'
import type { RegistryConnection } from './registry-connection.ts'
import { invalidAnswer, type Attempt } from './translate-error.ts'

/** What CI needs of an image to attach a bundle to it and to tag it. */
export interface PushedImage {
  readonly subject: Subject
  readonly bytes: Buffer
  readonly facts: ReadFacts
}

export async function readPushedImage(
  connection: RegistryConnection,
  name: string,
  digest: string,
  signal: AbortSignal,
): Promise<PushedImage> {
  const attempt = attemptOf(connection, `read the image ${connection.http.registry}/${name}@${digest}`)
  return connection.call(name, attempt, signal, async ({ content }) => {
    const found = await readManifest(content, digest, attempt, signal)
    if (found === undefined) {
      throw new AppError({
        kind: 'terminal',
        reason: 'ImageInvalid',
        message: `can't ${attempt.action}: it is not there; push it first, by digest`,
      })
    }
    const { bytes, mediaType, document } = found
    return { subject: { mediaType, digest, size: bytes.byteLength }, bytes, facts: readImageFacts(document, mediaType) }
  })
}

/** Pushes what a bundle is made of, its manifest last; pushing the same again changes nothing. */
export async function pushBundle(
  connection: RegistryConnection,
  name: string,
  bundle: EncodedBundle,
  subject: Subject,
  signal: AbortSignal,
): Promise<void> {
  const attempt = attemptOf(connection, `push a bundle to ${connection.http.registry}/${name}`)
  return connection.call(name, attempt, signal, async ({ content }) => {
    for (const blob of [emptyConfig, bundle.layer]) await content.uploadBlob(blob, { abortSignal: signal })
    let isListed = false
    const { digest } = await content.setManifest(bundle.manifest, {
      mediaType: mediaTypes.ociManifest,
      abortSignal: signal,
      // A registry with the referrers API says so here.
      onResponse: ({ headers }) => {
        isListed = headers.get('oci-subject') === subject.digest
      },
    })
    if (digest !== bundle.digest) throw invalidAnswer(attempt, `it took ${bundle.digest} for ${digest}`)
    if (!isListed) await listByTag(content, bundle, subject, attempt, signal)
  })
}

/** Sets a tag on an image that is there, unless it is set already; a release's tag never moves. */
export async function setTag(
  connection: RegistryConnection,
  name: string,
  tag: string,
  { subject, bytes }: PushedImage,
  signal: AbortSignal,
): Promise<void> {
  const attempt = attemptOf(connection, `tag ${connection.http.registry}/${name}@${subject.digest} as ${tag}`)
  return connection.call(name, attempt, signal, async ({ content }) => {
    const before = await readManifest(content, tag, attempt, signal)
    const digestBefore = before === undefined ? undefined : digestOf(before.bytes)
    if (digestBefore === subject.digest) return
    if (digestBefore !== undefined) {
      throw new AppError({
        kind: 'terminal',
        reason: 'TagMoved',
        message: `can't ${attempt.action}: the tag names ${digestBefore}, and the tag of a release does not move`,
      })
    }
    await content.setManifest(bytes, { tag, mediaType: subject.mediaType, abortSignal: signal })
  })
}

/**
 * Where the registry lists no referrers, whoever pushes one keeps the list under a tag.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
 */
async function listByTag(
  content: ContainerRegistryContentClient,
  { manifest, digest }: EncodedBundle,
  subject: Subject,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<void> {
  const tag = referrersTag(subject.digest)
  const found = await readManifest(content, tag, attempt, signal)
  const listed = found === undefined ? [] : readListed(found.document, attempt)
  if (listed.some((descriptor) => descriptor.digest === digest)) return
  const { annotations } = JSON.parse(manifest.toString('utf8')) as Pick<Descriptor, 'annotations'>
  const added = {
    mediaType: mediaTypes.ociManifest,
    artifactType: bundleArtifactType,
    digest,
    size: manifest.byteLength,
    annotations,
  }
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [...listed, added] }
  await content.setManifest(Buffer.from(JSON.stringify(index)), {
    tag,
    mediaType: mediaTypes.ociIndex,
    abortSignal: signal,
  })
}

function readListed(document: unknown, attempt: Attempt): readonly Descriptor[] {
  const parsed = parseOciDocument(document)
  if (parsed.kind === 'index') return parsed.index.manifests
  throw invalidAnswer(attempt, 'the referrers tag names no index')
}

function attemptOf(connection: RegistryConnection, action: string): Attempt {
  return { host: connection.http.registry, action }
}
