import { repositoryUnknown } from '../errors.ts'
import { jsonAnswer, registryHeaders } from '../http.ts'
import type { JsonAnswer } from '../http.ts'
import { nextLink, parsePageQuery, takePage } from './paging.ts'
import type { PageQuery } from './paging.ts'
import type { ManifestRecord, TagRecord } from './records.ts'
import type { RepositoryIndex } from './repository-index.ts'
import type { MetadataStore } from './store.ts'
import { viewManifest, viewTag } from './views.ts'

/** `GET /acr/v1/_catalog` and `GET /v2/_catalog`. */
export function listRepositories(store: MetadataStore, path: string, query: URLSearchParams): JsonAnswer {
  const pageQuery = parsePageQuery(query)
  const page = takePage(
    store.repositoryNames(pageQuery.last),
    pageQuery.length,
    (name) => store.repository(name)?.record.attributes.listEnabled ?? false,
  )
  const link = nextLink(path, pageQuery, page, page.items.at(-1))
  return jsonAnswer(200, { repositories: page.items }, { ...registryHeaders, ...link })
}

/**
 * `GET /acr/v1/{name}/_tags`. Where the tag in `last` is gone, pages by time begin anew: what a client has seen comes
 * again, and nothing is passed over.
 */
export function listTags(
  store: MetadataStore,
  registry: string,
  repository: string,
  query: URLSearchParams,
): JsonAnswer {
  const index = indexOf(store, repository)
  const pageQuery = parsePageQuery(query)
  const digest = query.get('digest') || undefined
  const page = takePage(
    tagsInOrder(index, pageQuery),
    pageQuery.length,
    (tag) => tag.attributes.listEnabled && (digest === undefined || tag.digest === digest),
  )
  const path = `/acr/v1/${encodeURIComponent(repository)}/_tags`
  const link = nextLink(path, pageQuery, page, page.items.at(-1)?.name, digest === undefined ? {} : { digest })
  const view = { registry, imageName: repository, tags: page.items.map(viewTag) }
  return jsonAnswer(200, view, { ...registryHeaders, ...link })
}

/** `GET /acr/v1/{name}/_manifests`; pages as tags do. */
export function listManifests(
  store: MetadataStore,
  registry: string,
  repository: string,
  query: URLSearchParams,
): JsonAnswer {
  const index = indexOf(store, repository)
  const pageQuery = parsePageQuery(query)
  const page = takePage(
    manifestsInOrder(index, pageQuery),
    pageQuery.length,
    ({ attributes }) => attributes.listEnabled,
  )
  const path = `/acr/v1/${encodeURIComponent(repository)}/_manifests`
  const link = nextLink(path, pageQuery, page, page.items.at(-1)?.facts.digest)
  const manifests = page.items.map((record) => viewManifest(record, index.tagsOf(record.facts.digest)))
  return jsonAnswer(200, { registry, imageName: repository, manifests }, { ...registryHeaders, ...link })
}

/** `GET /v2/{name}/tags/list` of the OCI distribution specification ("Listing Tags"): names, in alphabetical order. */
export function listTagNames(store: MetadataStore, repository: string, query: URLSearchParams): JsonAnswer {
  const index = indexOf(store, repository)
  const pageQuery = parsePageQuery(query)
  const page = takePage(
    index.tagsByName.ascending(pageQuery.last),
    pageQuery.length,
    (name) => index.tags.get(name)?.attributes.listEnabled ?? false,
  )
  const link = nextLink(`/v2/${repository}/tags/list`, pageQuery, page, page.items.at(-1))
  return jsonAnswer(200, { name: repository, tags: page.items }, { ...registryHeaders, ...link })
}

function indexOf(store: MetadataStore, repository: string): RepositoryIndex {
  const index = store.repository(repository)
  if (index === undefined) throw repositoryUnknown(repository)
  return index
}

function tagsInOrder(index: RepositoryIndex, { order, last }: PageQuery): Iterable<TagRecord> {
  if (order === 'name') return recordsOf(index.tags, index.tagsByName.ascending(last))
  const lastTag = last === undefined ? undefined : index.tags.get(last)
  return order === 'timedesc' ? index.tagsByTime.descending(lastTag) : index.tagsByTime.ascending(lastTag)
}

function manifestsInOrder(index: RepositoryIndex, { order, last }: PageQuery): Iterable<ManifestRecord> {
  if (order === 'name') return recordsOf(index.manifests, index.manifestsByDigest.ascending(last))
  const lastManifest = last === undefined ? undefined : index.manifests.get(last)
  return order === 'timedesc'
    ? index.manifestsByTime.descending(lastManifest)
    : index.manifestsByTime.ascending(lastManifest)
}

function* recordsOf<Item>(records: ReadonlyMap<string, Item>, keys: Iterable<string>): Generator<Item> {
  for (const key of keys) {
    const record = records.get(key)
    if (record !== undefined) yield record
  }
}
