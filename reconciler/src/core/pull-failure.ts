/**
 * What a node says when it could not pull an image. Only an answer that the image is not there is the release's own
 * fault; whatever else it says, or a runtime says in words that are not known here, may pass.
 */
export type PullFailure = 'notFound' | 'other'

export function classifyPull(message: string): PullFailure {
  return isNotFound(message) ? 'notFound' : 'other'
}

/**
 * Without what the kubelet and gRPC put before it, and without the reference over and over: the same words however often
 * it was tried.
 */
export function pullDetail(message: string): string {
  return prefixes.reduce((rest, prefix) => rest.replace(prefix, ''), message)
}

const prefixes: readonly RegExp[] = [
  /^Back-off pulling image "[^"]*"(?:: )?/u,
  /^(?:ErrImagePull|ErrImageNeverPull|RegistryUnavailable|SignatureValidationFailed): /u,
  /^rpc error: code = \w+ desc = /u,
  /^failed to pull and unpack image "[^"]*": /u,
  /^failed to resolve (?:reference|image) "[^"]*": /u,
]

/**
 * containerd (1.6 to 2.2) ends with its own "not found" for a manifest (resolve), a layer (fetch) and a platform; the
 * same word about its content store or snapshots is the node's trouble. CRI-O passes on the registry's codes, for which
 * see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 */
function isNotFound(message: string): boolean {
  // A token that can't be had says nothing of the image.
  if (/\btoken\b|\bauthorize\b/u.test(message)) return false
  return notFound.some((pattern) => pattern.test(message))
}

const notFound: readonly RegExp[] = [
  /failed to resolve (?:reference|image)\b.*: not found$/su,
  /(?:failed to copy|failed to fetch|httpReadSeeker|could not fetch content descriptor)\b.*\bnot found$/su,
  /no match for platform in manifest/u,
  /\bmanifest unknown\b|\bname unknown\b|\bblob unknown to registry\b/iu,
  /\bunexpected status\b[^:]*:? .*\b404 Not Found\b/u,
]
