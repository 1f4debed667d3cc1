import { repositoryUnknown } from '../errors.ts'
import { jsonAnswer, registryHeaders } from '../http.ts'
import type { JsonAnswer } from '../http.ts'
import { takePage } from '../metadata/paging.ts'
import type { ManifestFacts } from '../metadata/records.ts'
import type { MetadataStore } from '../metadata/store.ts'

const indexType = 'application/vnd.oci.image.index.v1+json'

/**
 * `GET /v2/{name}/referrers/{digest}`: an index of the manifests that are attached to a digest, which itself need not
 * be there (OCI distribution specification 1.1, "Listing Referrers"). The distribution has no such API, so it is
 * answered from what was recorded of each manifest.
 */
export function listReferrers(
  store: MetadataStore,
  pageSize: number,
  repository: string,
  digest: string,
  query: URLSearchParams,
): JsonAnswer {
  const index = store.repository(repository)
  if (index === undefined) throw repositoryUnknown(repository)
  const artifactType = query.get('artifactType') || undefined
  const last = query.get('last') ?? ''
  const facts = index
    .referrersOf(digest)
    .filter((referrer) => referrer > last)
    .flatMap((referrer) => index.manifests.get(referrer)?.facts ?? [])
  const page = takePage(facts, pageSize, (of) => artifactType === undefined || of.artifactType === artifactType)
  const next = new URLSearchParams({ ...(artifactType && { artifactType }), last: page.items.at(-1)?.digest ?? '' })
  return jsonAnswer(
    200,
    { schemaVersion: 2, mediaType: indexType, manifests: page.items.map(describe) },
    {
      ...registryHeaders,
      'content-type': indexType,
      ...(artifactType && { 'oci-filters-applied': 'artifactType' }),
      ...(page.more && { link: `</v2/${repository}/referrers/${digest}?${next.toString()}>; rel="next"` }),
    },
  )
}

function describe({ mediaType, digest, size, artifactType, annotations }: ManifestFacts): unknown {
  return { mediaType, digest, size, ...(artifactType && { artifactType }), ...(annotations && { annotations }) }
}
