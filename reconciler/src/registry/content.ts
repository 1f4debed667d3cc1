import type { ContainerRegistryContentClient } from '@azure/container-registry'
import { AppError } from '../core/errors.ts'
import { hasDigest, type Descriptor } from './oci.ts'
import { invalidAnswer, type Attempt } from './translate-error.ts'

export interface ManifestContent {
  readonly bytes: Buffer
  readonly mediaType: string
  readonly document: unknown
}

/** A manifest by digest or tag; undefined where there is none. The SDK checks the digest, and so do we. */
export async function readManifest(
  client: ContainerRegistryContentClient,
  reference: string,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<ManifestContent | undefined> {
  const result = await client.getManifest(reference, { abortSignal: signal }).catch(absentWhereNotFound)
  if (result === undefined) return undefined
  const digest = reference.includes(':') ? reference : result.digest
  if (!hasDigest(result.content, digest)) throw invalidAnswer(attempt, `what it sent is not ${digest}`)
  return { bytes: result.content, mediaType: result.mediaType, document: result.manifest }
}

/** A blob whose size is known; undefined where there is none. */
export async function readBlob(
  client: ContainerRegistryContentClient,
  { digest, size }: Descriptor,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const result = await client.downloadBlob(digest, { abortSignal: signal }).catch(absentWhereNotFound)
  if (result === undefined) return undefined
  const chunks: Buffer[] = []
  for await (const chunk of result.content) chunks.push(Buffer.from(chunk))
  const bytes = Buffer.concat(chunks)
  if (bytes.byteLength !== size || !hasDigest(bytes, digest)) {
    throw invalidAnswer(attempt, `what it sent is not ${digest} of ${size} bytes`)
  }
  return bytes
}

function absentWhereNotFound(error: unknown): undefined {
  if (!(error instanceof AppError) && (error as { statusCode?: unknown }).statusCode === 404) return undefined
  throw error
}
