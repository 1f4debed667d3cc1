import type { Readable } from 'node:stream'
import { mediaTypes, type Descriptor } from './oci.ts'
import type { RegistryConnection } from './registry-connection.ts'
import { invalidAnswer, statusError, type Attempt } from './translate-error.ts'

/** Whether a repository has a blob already; the SDK has no call for it. */
export async function hasBlob(
  connection: RegistryConnection,
  name: string,
  digest: string,
  signal: AbortSignal,
): Promise<boolean> {
  const attempt = attemptOf(connection, `look for the blob ${digest} in ${connection.http.registry}/${name}`)
  return connection.call(name, attempt, signal, async () => {
    const scope = `repository:${name}:pull`
    const token = await connection.tokens.token(scope, signal)
    const { status, headers } = await connection.http.send({
      url: new URL(`https://${connection.http.registry}/v2/${name}/blobs/${digest}`),
      method: 'HEAD',
      headers: { authorization: `Bearer ${token}` },
      requestClass: 'read',
      maxBodyBytes: 64 * 1024,
      signal,
    })
    // 307 leads to where the registry keeps its blobs: it has this one.
    if (status === 200 || status === 307) return true
    if (status === 404) return false
    throw statusError(attempt, status, headers)
  })
}

/** Pushes a blob in parts of a few megabytes, and sees that it is what its descriptor says. */
export async function pushBlob(
  connection: RegistryConnection,
  name: string,
  { digest, size }: Descriptor,
  content: Readable,
  signal: AbortSignal,
): Promise<void> {
  const attempt = attemptOf(connection, `push the blob ${digest} to ${connection.http.registry}/${name}`)
  const pushed = await connection.call(name, attempt, signal, ({ content: client }) =>
    client.uploadBlob(content, { abortSignal: signal }),
  )
  if (pushed.digest === digest && pushed.sizeInBytes === size) return
  throw invalidAnswer(attempt, `the file holds ${pushed.digest} of ${pushed.sizeInBytes} bytes`)
}

/** Pushes a manifest under its digest alone: no tag names it. */
export async function pushManifest(
  connection: RegistryConnection,
  name: string,
  { digest, mediaType }: Descriptor,
  bytes: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const attempt = attemptOf(connection, `push ${connection.http.registry}/${name}@${digest}`)
  const pushed = await connection.call(name, attempt, signal, ({ content }) =>
    content.setManifest(bytes, { mediaType: mediaType || mediaTypes.ociManifest, abortSignal: signal }),
  )
  if (pushed.digest !== digest) throw invalidAnswer(attempt, `it took ${digest} for ${pushed.digest}`)
}

function attemptOf(connection: RegistryConnection, action: string): Attempt {
  return { host: connection.http.registry, action }
}
