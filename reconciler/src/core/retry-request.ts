import { operatorAnnotations } from '../api/annotations.ts'
import { isDigest, isTag } from './image-reference.ts'

/** `TAG` or `DIGEST`, and after a slash anything that makes the value new. */
export type RetryRequest =
  { readonly kind: 'names'; readonly name: string } | { readonly kind: 'odd'; readonly message: string }

// Longer than any tag or digest.
const longest = 150

export function readRetry(value: string): RetryRequest {
  const [name = ''] = value.trim().split('/', 1)
  if (isTag(name) || isDigest(name)) return { kind: 'names', name }
  const said = JSON.stringify(name.length > longest ? `${name.slice(0, longest)}…` : name)
  return {
    kind: 'odd',
    message: `${operatorAnnotations.retry} names neither a tag nor a digest: ${said}; nothing is tried again`,
  }
}
