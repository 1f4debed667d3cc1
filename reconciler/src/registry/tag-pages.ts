import type { ArtifactTagProperties, ContainerRegistryClient, TagPageResponse } from '@azure/container-registry'
import { isWritableTime } from '../api/time.ts'
import { isDigest, isTag } from '../core/image-reference.ts'
import type { Tag } from '../core/tag-scan.ts'
import { invalidAnswer, type Attempt } from './translate-error.ts'

export interface TagPage {
  readonly tags: readonly Tag[]
  /** Where the next page is; absent on the last. */
  readonly next?: string
}

const firstPageSize = 5
const nextPageSize = 100

/** ACR lists by update time; a page of five with all fields is under 2 KB whatever the number of tags. */
export async function readTagPage(
  client: ContainerRegistryClient,
  name: string,
  next: string | undefined,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<TagPage> {
  const pages = client
    .getArtifact(name, 'any')
    .listTagProperties({ order: 'LastUpdatedOnDescending', abortSignal: signal })
    .byPage(next === undefined ? { maxPageSize: firstPageSize } : { continuationToken: next })
  const result = await pages.next()
  if (result.done === true) return { tags: [] }
  const page: TagPageResponse = result.value
  const tags = page.map((properties) => toTag(properties, attempt))
  const isFull = tags.length >= (next === undefined ? firstPageSize : nextPageSize)
  const following = followingPage(
    page.continuationToken,
    isFull ? tags.at(-1) : undefined,
    client.endpoint,
    name,
    attempt,
  )
  return { tags, ...(following !== undefined && { next: following }) }
}

export function toTag(properties: ArtifactTagProperties, attempt: Attempt): Tag {
  const { name, digest, createdOn, lastUpdatedOn } = properties as Partial<ArtifactTagProperties>
  const createdAtMs = createdOn?.getTime() ?? Number.NaN
  const updatedAtMs = lastUpdatedOn?.getTime() ?? Number.NaN
  if (typeof name !== 'string' || !isTag(name)) throw invalidAnswer(attempt, 'it listed a tag without a name')
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalidAnswer(attempt, `tag ${name} has no digest`)
  if (Number.isNaN(createdAtMs) || Number.isNaN(updatedAtMs)) throw invalidAnswer(attempt, `tag ${name} has no times`)
  // Status would be refused whole with such a time in it.
  if (!isWritableTime(createdAtMs) || !isWritableTime(updatedAtMs)) {
    throw invalidAnswer(attempt, `tag ${name} has a time beyond the year 9999`)
  }
  return { name, digest, createdAtMs, updatedAtMs }
}

/**
 * The page that a Link names, asked for larger, for what follows the first is read to its end. A full page without a
 * Link has either nothing behind it or lost it on the way, so that is asked too: half a list must not pass for whole.
 */
function followingPage(
  link: string | undefined,
  lastOfFull: Tag | undefined,
  endpoint: string,
  name: string,
  attempt: Attempt,
): string | undefined {
  const path = `/acr/v1/${name}/_tags`
  const target = link || (lastOfFull && `${path}?orderby=timedesc&last=${encodeURIComponent(lastOfFull.name)}`)
  if (target === undefined) return undefined
  const url = URL.canParse(target, endpoint) ? new URL(target, endpoint) : undefined
  // The SDK encodes the slashes of a repository's name, and a registry may give them back either way.
  const isOurs = url?.origin === new URL(endpoint).origin && url.pathname.replaceAll(/%2f/gi, '/') === path
  if (url === undefined || !isOurs) {
    throw invalidAnswer(attempt, 'its Link leads elsewhere')
  }
  url.searchParams.set('n', String(nextPageSize))
  return `${url.pathname}${url.search}`
}
