import { AcrError } from '../errors.ts'
import type { Answer, Call } from '../http.ts'
import { registryHeaders } from '../http.ts'
import type { BlobUrls } from './blob-urls.ts'
import { assertAllowed } from './locks.ts'
import type { ContentOptions } from './manifests.ts'
import { passThrough, relay } from './upstream.ts'

export interface BlobOptions extends ContentOptions {
  readonly urls: BlobUrls
}

/**
 * `GET` and `HEAD /v2/{name}/blobs/{digest}`: 307 to the blob host, as ACR does
 * (https://learn.microsoft.com/rest/api/containerregistry/container-registry-blob/get-blob;
 * https://learn.microsoft.com/azure/container-registry/container-registry-dedicated-data-endpoints).
 */
export async function redirectToBlob(
  { upstream, store, urls }: BlobOptions,
  call: Call,
  blob: { readonly repository: string; readonly digest: string; readonly origin: string },
): Promise<Answer> {
  assertAllowed(store.repository(blob.repository), 'read')
  const answer = await upstream.send({
    method: 'HEAD',
    path: `/v2/${blob.repository}/blobs/${blob.digest}`,
    signal: call.signal,
  })
  await answer.body.dump()
  if (answer.statusCode === 404) {
    throw new AcrError(404, 'BLOB_UNKNOWN', 'blob unknown to registry', { detail: { digest: blob.digest } })
  }
  if (answer.statusCode !== 200) return relay(answer, call.method)
  return {
    status: 307,
    headers: {
      ...registryHeaders,
      'docker-content-digest': blob.digest,
      location: urls.sign(blob.origin, blob),
    },
  }
}

/**
 * Answers on the blob host, as Azure's blob service does for a URL with a shared access signature: without asking who
 * it is, and refusing whoever sends credentials for something else along
 * (https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes). A client that does not drop its
 * Authorization header on the redirect is found out here.
 */
export async function serveBlob({ upstream, urls }: BlobOptions, call: Call, path: string): Promise<Answer> {
  if (call.method !== 'GET' && call.method !== 'HEAD') {
    return storageError(405, 'UnsupportedHttpVerb', "The resource doesn't support the specified HTTP verb.")
  }
  if (call.headers.authorization !== undefined) {
    return storageError(
      400,
      'InvalidAuthenticationInfo',
      'Authentication information is not given in the correct format. Check the value of Authorization header.',
    )
  }
  const check = urls.check(path, call.query)
  if (check.kind === 'unknown') return storageError(404, 'ResourceNotFound', 'The specified resource does not exist.')
  if (check.kind !== 'valid') return storageError(403, 'AuthenticationFailed', authenticationFailed[check.kind])
  const { repository, digest } = check.blob
  // What is left of the query is the signature, which is not the distribution's to see.
  const answer = await passThrough(
    upstream,
    { ...call, query: new URLSearchParams() },
    `/v2/${repository}/blobs/${digest}`,
  )
  if (answer.status === 404) return storageError(404, 'BlobNotFound', 'The specified blob does not exist.')
  return { ...answer, headers: { ...answer.headers, 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2016-05-31' } }
}

/** `POST /v2/{name}/blobs/uploads/`, and what follows at the place that it answers with. */
export function upload(
  { upstream, store }: ContentOptions,
  call: Call,
  repository: string,
  path: string,
): Promise<Answer> {
  assertAllowed(store.repository(repository), 'write')
  return passThrough(upstream, call, path)
}

export function deleteBlob(
  { upstream, store }: ContentOptions,
  call: Call,
  repository: string,
  digest: string,
): Promise<Answer> {
  assertAllowed(store.repository(repository), 'delete')
  return passThrough(upstream, call, `/v2/${repository}/blobs/${digest}`)
}

const authenticationFailed = {
  forged:
    'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
  expired: 'Server failed to authenticate the request. Signature not valid in the specified time frame.',
} as const

function storageError(status: number, code: string, message: string): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml', 'x-ms-error-code': code, 'x-ms-version': '2016-05-31' },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  }
}
