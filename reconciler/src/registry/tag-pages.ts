import type { ArtifactTagProperties, ContainerRegistryClient, TagPageResponse } from '@azure/container-registry'
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
  const link = page.continuationToken
  return {
    tags: page.map((properties) => toTag(properties, attempt)),
    ...(link !== undefined && link !== '' && { next: followingPage(link, client.endpoint, name, attempt) }),
  }
}

export function toTag(properties: ArtifactTagProperties, attempt: Attempt): Tag {
  const { name, digest, createdOn, lastUpdatedOn } = properties as Partial<ArtifactTagProperties>
  const createdAtMs = createdOn?.getTime() ?? Number.NaN
  const updatedAtMs = lastUpdatedOn?.getTime() ?? Number.NaN
  if (typeof name !== 'string' || !isTag(name)) throw invalidAnswer(attempt, 'it listed a tag without a name')
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalidAnswer(attempt, `tag ${name} has no digest`)
  if (Number.isNaN(createdAtMs) || Number.isNaN(updatedAtMs)) throw invalidAnswer(attempt, `tag ${name} has no times`)
  return { name, digest, createdAtMs, updatedAtMs }
}

/** The Link of a page, asked for larger: what follows the first page is read to its end. */
function followingPage(link: string, endpoint: string, name: string, attempt: Attempt): string {
  const url = URL.canParse(link, endpoint) ? new URL(link, endpoint) : undefined
  if (url === undefined || url.origin !== new URL(endpoint).origin || url.pathname !== `/acr/v1/${name}/_tags`) {
    throw invalidAnswer(attempt, 'its Link leads elsewhere')
  }
  url.searchParams.set('n', String(nextPageSize))
  return `${url.pathname}${url.search}`
}
