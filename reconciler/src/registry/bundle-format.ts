import { promisify } from 'node:util'
import { gunzip, gzipSync } from 'node:zlib'
import { imageAnnotations } from '../api/annotations.ts'
import { boundedText, longestRevision } from './bounded-text.ts'
import { digestOf, hasDigest, mediaTypes, parseOciDocument, type Descriptor, type Manifest } from './oci.ts'

/**
 * A bundle: an OCI artifact whose subject is the image (or its index), with one layer, the manifests as one gzipped
 * stream of YAML documents.
 * https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
 */
export const bundleArtifactType = 'application/vnd.windlass.manifests.v1'
export const bundleLayerType = 'application/vnd.windlass.manifests.v1.yaml+gzip'

export const mostCompressedBytes = 512 * 1024
/** Eight times the compressed limit: manifests shrink to a tenth or so, a bomb to a thousandth. */
export const mostTextBytes = 8 * mostCompressedBytes

/** The config that OCI gives an artifact without one. */
export const emptyConfig = Buffer.from('{}')

export interface EncodedBundle {
  readonly manifest: Buffer
  readonly digest: string
  readonly layer: Buffer
}

export type Subject = Pick<Descriptor, 'mediaType' | 'digest' | 'size'>

export type Checked<T> =
  { readonly kind: 'ok'; readonly value: T } | { readonly kind: 'invalid'; readonly problem: string }

/** The same text, subject and revision always give the same bytes. */
export function encodeBundle(text: string, subject: Subject, revision: string): EncodedBundle {
  const layer = gzipSync(text, { level: 9 })
  // Byte 9 of the header names the system that packed it (RFC 1952); no time is written.
  layer[9] = 255
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: bundleArtifactType,
      config: { mediaType: mediaTypes.ociEmpty, digest: digestOf(emptyConfig), size: emptyConfig.byteLength },
      layers: [{ mediaType: bundleLayerType, digest: digestOf(layer), size: layer.byteLength }],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
      annotations: { [imageAnnotations.revision]: revision },
    }),
  )
  return { manifest, digest: digestOf(manifest), layer }
}

/** The manifest of a bundle, told from any other document; what it may hold is checked by checkBundleManifest. */
export function asBundleManifest(document: unknown): Manifest | undefined {
  const parsed = parseOciDocument(document)
  return parsed.kind === 'manifest' && parsed.manifest.artifactType === bundleArtifactType ? parsed.manifest : undefined
}

/** The layer to read, where the manifest is a bundle of that subject and revision. */
export function checkBundleManifest(
  document: unknown,
  expected: { readonly subject: string; readonly revision?: string },
): Checked<Descriptor> {
  const manifest = asBundleManifest(document)
  if (manifest === undefined) return invalid(`is not an artifact of type ${bundleArtifactType}`)
  if (manifest.subject?.digest !== expected.subject) {
    return invalid(`is attached to ${manifest.subject?.digest ?? 'nothing'}, not to ${expected.subject}`)
  }
  const revision = manifest.annotations?.[imageAnnotations.revision]
  if (revision !== expected.revision) {
    return invalid(
      `is of revision ${boundedText(revision ?? 'none', longestRevision)}, not of ${expected.revision ?? 'none'}`,
    )
  }
  const [layer, ...others] = manifest.layers
  if (layer === undefined || others.length > 0) return invalid(`has ${manifest.layers.length} layers, not one`)
  if (layer.mediaType !== bundleLayerType)
    return invalid(`its layer is of type ${boundedText(layer.mediaType, longestRevision)}, not ${bundleLayerType}`)
  if (layer.size > mostCompressedBytes) return invalid(tooLarge(layer.size))
  return { kind: 'ok', value: layer }
}

/** The text of a layer, once its bytes are known to be those that the manifest names. */
export async function unpackLayer(bytes: Uint8Array, { digest, size }: Descriptor): Promise<Checked<string>> {
  if (bytes.byteLength !== size || !hasDigest(bytes, digest)) return invalid(`its layer is not what ${digest} names`)
  if (size > mostCompressedBytes) return invalid(tooLarge(size))
  try {
    const text = await promisify(gunzip)(bytes, { maxOutputLength: mostTextBytes })
    return { kind: 'ok', value: new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(text) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') return invalid(`unpacks to more than ${mostTextBytes} bytes`)
    return invalid(code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : 'is not a gzip stream')
  }
}

function tooLarge(bytes: number): string {
  return `has ${bytes} bytes compressed, ${mostCompressedBytes} at most are taken`
}

function invalid(problem: string): { readonly kind: 'invalid'; readonly problem: string } {
  return { kind: 'invalid', problem }
}
