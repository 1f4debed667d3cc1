import type { ContainerRegistryContentClient } from '@azure/container-registry'
import { imageAnnotations } from '../api/annotations.ts'
import type { Answer } from './bounded-http.ts'
import { boundedText, longestRevision } from './bounded-text.ts'
import { readManifest } from './content.ts'
import { parseOciDocument, mediaTypes, referrersTag, type Descriptor } from './oci.ts'
import type { RegistryHttp } from './registry-http.ts'
import type { RegistryTokenSource } from './token-source.ts'
import { invalidAnswer, statusError, type Attempt } from './translate-error.ts'

export interface ReferrersRequest {
  /** Repository without its host. */
  readonly name: string
  readonly digest: string
  /** Of what is asked for; all that is attached where it is left out. */
  readonly artifactType?: string
  readonly signal: AbortSignal
}

/** What is kept of what is attached: the annotations of one may be megabytes, and there may be many. */
export interface Referrer {
  readonly digest: string
  /** `org.opencontainers.image.revision`, where the list says it. */
  readonly revision?: string
}

export interface ReferrersWire {
  readonly http: RegistryHttp
  readonly tokens: RegistryTokenSource
}

const maxBodyBytes = 4 * 1024 * 1024
const mostPages = 20

/** What is attached to a manifest: by the referrers API, or by the tag that stands for it where there is none. */
export async function findReferrers(
  wire: ReferrersWire,
  content: ContainerRegistryContentClient,
  request: ReferrersRequest,
  attempt: Attempt,
): Promise<readonly Referrer[]> {
  const listed = await listReferrers(wire, request)
  if (listed !== undefined) return listed
  const found = await readManifest(content, referrersTag(request.digest), attempt, request.signal)
  if (found === undefined) return []
  const document = parseOciDocument(found.document)
  if (document.kind !== 'index') throw invalidAnswer(attempt, 'the referrers tag names no index')
  return referrersOf(document.index.manifests, request.artifactType)
}

/**
 * What is attached to a manifest, or undefined where the registry has no referrers API.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 */
export async function listReferrers(
  wire: ReferrersWire,
  request: ReferrersRequest,
): Promise<readonly Referrer[] | undefined> {
  const { http } = wire
  const { name, digest, artifactType } = request
  const attempt: Attempt = {
    host: http.registry,
    action: `list what is attached to ${http.registry}/${name}@${digest}`,
  }
  const first = new URL(`https://${http.registry}/v2/${name}/referrers/${digest}`)
  if (artifactType !== undefined) first.searchParams.set('artifactType', artifactType)

  const found: Referrer[] = []
  let url: URL | undefined = first
  for (let pages = 0; url !== undefined; pages += 1) {
    if (pages === mostPages) throw invalidAnswer(attempt, `more than ${mostPages} pages of referrers`)
    const answer = await getOnceMore(wire, url, request)
    if (answer.status === 404 && pages === 0) return undefined
    if (answer.status !== 200) throw statusError(attempt, answer.status, answer.headers)
    found.push(...referrersOf(readPage(answer, attempt), artifactType))
    url = nextPage(answer, first, attempt)
  }
  return found
}

/** The registry may leave the filter to us, and then says so in a header that proxies drop. */
export function referrersOf(descriptors: readonly Descriptor[], artifactType: string | undefined): readonly Referrer[] {
  return descriptors
    .filter((descriptor) => artifactType === undefined || descriptor.artifactType === artifactType)
    .map(({ digest, annotations }) => {
      const revision = annotations?.[imageAnnotations.revision]
      return { digest, ...(revision !== undefined && { revision: boundedText(revision, longestRevision) }) }
    })
}

/** With a token of its scope; a refused one is replaced once. */
async function getOnceMore(wire: ReferrersWire, url: URL, { name, signal }: ReferrersRequest): Promise<Answer> {
  const scope = `repository:${name}:pull`
  const answer = await get(wire, url, scope, signal)
  if (answer.status !== 401 && answer.status !== 403) return answer
  wire.tokens.drop(scope)
  const again = await get(wire, url, scope, signal)
  if (again.status === 401 || again.status === 403) wire.tokens.drop(scope)
  return again
}

async function get({ http, tokens }: ReferrersWire, url: URL, scope: string, signal: AbortSignal): Promise<Answer> {
  const token = await tokens.token(scope, signal)
  return http.send({
    url,
    method: 'GET',
    headers: { authorization: `Bearer ${token}`, accept: mediaTypes.ociIndex },
    requestClass: 'referrers',
    maxBodyBytes,
    signal,
  })
}

function readPage({ body }: Answer, attempt: Attempt): readonly Descriptor[] {
  const document = parseOciDocument(parseJson(body, attempt))
  if (document.kind !== 'index') throw invalidAnswer(attempt, 'its answer is not an index')
  return document.index.manifests
}

/** Link: </v2/…?…>; rel="next" (RFC 8288), on the same host and path, for nothing else was asked. */
function nextPage({ headers: { link } }: Answer, first: URL, attempt: Attempt): URL | undefined {
  if (typeof link !== 'string') return undefined
  const [, target] = /^\s*<([^>]*)>\s*;.*\brel="?next"?/i.exec(link) ?? []
  if (target === undefined) return undefined
  const next = URL.canParse(target, first.href) ? new URL(target, first) : undefined
  if (next === undefined || next.origin !== first.origin || next.pathname !== first.pathname) {
    throw invalidAnswer(attempt, 'its Link leads elsewhere')
  }
  return next
}

function parseJson(body: Buffer, attempt: Attempt): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw invalidAnswer(attempt, 'its answer is not JSON', error)
  }
}
