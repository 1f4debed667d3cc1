import { isDigest, isTag, parseImageReference, type Repository } from '../core/image-reference.ts'
import { CommandRefused } from './refused.ts'

/** A release that is in the registry already, or half of it. */
export interface ReleaseRequest {
  /** `REGISTRY/REPOSITORY@DIGEST` */
  readonly image: string
  /** The full SHA of the commit; the tag under which the image is released. */
  readonly revision: string
}

export interface ReleaseTarget extends Repository {
  readonly digest: string
}

/** Throws CommandRefused with all that is wrong, and with what the command itself found. */
export function parseReleaseTarget({ image, revision }: ReleaseRequest, found: readonly string[] = []): ReleaseTarget {
  const problems = [...found]
  const parsed = parseImageReference(image)
  if (parsed.kind === 'invalid') problems.push(`--image: ${parsed.problem}`)
  const { registry, repository, digest } = parsed.kind === 'parsed' ? parsed.value : {}
  if (parsed.kind === 'parsed' && (registry === undefined || digest === undefined || !isDigest(digest))) {
    problems.push('--image must be REGISTRY/REPOSITORY@DIGEST')
  }
  // The reconciler takes the bundle whose revision is the tag's name, so it must be able to be one.
  if (!isTag(revision)) problems.push(`--revision: "${revision}" can't be the name of a tag`)
  if (problems.length > 0 || registry === undefined || repository === undefined || digest === undefined) {
    throw new CommandRefused(problems)
  }
  return { registry, repository, digest }
}
