import { AcrError, manifestUnknown, repositoryUnknown, tagUnknown, unsupported } from '../errors.ts'
import { jsonAnswer, readBody, registryHeaders } from '../http.ts'
import type { Answer, Call } from '../http.ts'
import { readManifestFacts, sha256Of } from '../metadata/manifest-facts.ts'
import type { ImageConfig } from '../metadata/manifest-facts.ts'
import type { RepositoryIndex } from '../metadata/repository-index.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { isDigest } from '../operation.ts'
import { assertAllowed } from './locks.ts'
import { passThrough, relay } from './upstream.ts'
import type { Upstream } from './upstream.ts'

export interface ContentOptions {
  readonly upstream: Upstream
  readonly store: MetadataStore
  /** Whether manifests that are attached to others are listed; see referrers.ts. */
  readonly hasReferrersApi: boolean
}

/** The size that the OCI distribution specification asks registries to take at least ("Pushing Manifests"). */
const manifestLimitBytes = 4 * 1024 * 1024
/** Configurations of images are some kilobytes; one that is larger tells us no more. */
const configLimitBytes = 1024 * 1024

/** `GET` and `HEAD /v2/{name}/manifests/{reference}`. */
export function getManifest(
  { upstream, store }: ContentOptions,
  call: Call,
  repository: string,
  reference: string,
): Promise<Answer> {
  const index = store.repository(repository)
  const tag = index?.tags.get(reference)
  assertAllowed(index, 'read', isDigest(reference) ? { digest: reference } : { tag: reference, digest: tag?.digest })
  return passThrough(upstream, call, `/v2/${repository}/manifests/${reference}`)
}

/**
 * `PUT /v2/{name}/manifests/{reference}`: what the distribution takes is recorded, with its times. For a manifest with
 * a subject the answer names it in `OCI-Subject`, which tells the client that it need not keep a tag of referrers (OCI
 * distribution specification 1.1, "Pushing Manifests with Subject").
 */
export async function putManifest(
  options: ContentOptions,
  call: Call,
  repository: string,
  reference: string,
): Promise<Answer> {
  const { upstream, store } = options
  const content = await readBody(call.body, manifestLimitBytes)
  const contentType = (call.headers['content-type'] ?? '').split(';')[0]?.trim() ?? ''
  const digest = sha256Of(content)
  const tag = isDigest(reference) ? undefined : reference
  return store.whilePushing(repository, reference, async () => {
    assertAllowed(store.repository(repository), 'write', { tag, digest })
    const answer = await upstream.send({
      method: 'PUT',
      path: `/v2/${repository}/manifests/${reference}`,
      headers: { 'content-type': contentType },
      body: content,
      signal: call.signal,
    })
    if (answer.statusCode !== 201) return relay(answer, call.method)
    const known = store.repository(repository)?.manifests.get(digest)?.facts
    const facts = known ?? (await readManifestFacts(content, contentType, (of) => readConfig(options, repository, of)))
    await store.pushed(repository, facts, tag)
    const relayed = await relay(answer, call.method)
    return facts.subject !== undefined && options.hasReferrersApi
      ? { ...relayed, headers: { ...relayed.headers, 'oci-subject': facts.subject } }
      : relayed
  })
}

/**
 * Deletes a manifest by its digest, with the tags that point at it and with what is attached to it
 * (https://learn.microsoft.com/azure/container-registry/container-registry-manage-artifact, "Delete all artifacts").
 */
export function deleteManifest(
  options: ContentOptions,
  call: Call,
  repository: string,
  reference: string,
): Promise<Answer> {
  if (!isDigest(reference)) throw unsupported()
  const { store } = options
  return store.exclusively(repository, async () => {
    const index = store.repository(repository)
    if (index === undefined) throw repositoryUnknown(repository)
    if (!index.manifests.has(reference)) throw manifestUnknown(reference)
    const doomed = options.hasReferrersApi ? withReferrers(index, reference) : [reference]
    for (const digest of doomed) assertDeletable(index, digest)
    for (const digest of doomed) {
      await deleteContent(options, call, repository, digest)
      await store.deleted(repository, digest)
    }
    return { status: 202, headers: registryHeaders }
  })
}

/** `DELETE /acr/v1/{name}/_tags/{tag}`: the manifest stays. */
export function deleteTag(options: ContentOptions, call: Call, repository: string, name: string): Promise<Answer> {
  const { store } = options
  return store.exclusively(repository, async () => {
    const index = store.repository(repository)
    const tag = index?.tags.get(name)
    if (tag === undefined) throw tagUnknown()
    assertAllowed(index, 'delete', { tag: name })
    await deleteContent(options, call, repository, name)
    await store.untagged(repository, name)
    return { status: 202, headers: { ...registryHeaders, 'x-ms-int-docker-content-digest': tag.digest } }
  })
}

/** `DELETE /acr/v1/{name}`: all of a repository, unless a part of it is locked. */
export function deleteRepository(options: ContentOptions, call: Call, repository: string): Promise<Answer> {
  const { store } = options
  return store.exclusively(repository, async () => {
    const index = store.repository(repository)
    if (index === undefined) throw repositoryUnknown(repository)
    const manifestsDeleted = [...index.manifestsByDigest.ascending()]
    const tagsDeleted = [...index.tagsByName.ascending()]
    for (const digest of manifestsDeleted) assertDeletable(index, digest)
    for (const digest of manifestsDeleted) await deleteContent(options, call, repository, digest)
    await store.deletedRepository(repository)
    return jsonAnswer(202, { manifestsDeleted, tagsDeleted }, registryHeaders)
  })
}

/** What an image runs on, of which only its configuration tells. */
async function readConfig(
  { upstream }: ContentOptions,
  repository: string,
  digest: string,
): Promise<ImageConfig | undefined> {
  const answer = await upstream.send({
    method: 'GET',
    path: `/v2/${repository}/blobs/${digest}`,
    // Not the client's: the manifest is there already, and must be recorded.
    signal: AbortSignal.timeout(10_000),
  })
  const text = (await readBody(answer.body, configLimitBytes)).toString('utf8')
  if (answer.statusCode !== 200) throw new AcrError(502, 'UNKNOWN', `the configuration ${digest} could not be read`)
  try {
    const { architecture, os } = JSON.parse(text) as ImageConfig
    return { ...(architecture && { architecture }), ...(os && { os }) }
  } catch {
    // No more is asked of a configuration than that it is a blob.
    return undefined
  }
}

function withReferrers(index: RepositoryIndex, digest: string): readonly string[] {
  const doomed = new Set<string>([digest])
  // A set grows while it is walked, so this reaches what is attached to attachments, each once.
  for (const subject of doomed) for (const referrer of index.referrersOf(subject)) doomed.add(referrer)
  return [...doomed].reverse()
}

function assertDeletable(index: RepositoryIndex, digest: string): void {
  assertAllowed(index, 'delete', { digest })
  for (const tag of index.tagsOf(digest)) assertAllowed(index, 'delete', { tag })
}

async function deleteContent(
  { upstream }: ContentOptions,
  call: Call,
  repository: string,
  reference: string,
): Promise<void> {
  const path = `/v2/${repository}/manifests/${reference}`
  const answer = await upstream.send({ method: 'DELETE', path, signal: call.signal })
  await answer.body.dump()
  // Gone already is what was asked for: an earlier try may have been cut short between content and record.
  if (answer.statusCode === 202 || answer.statusCode === 404) return
  throw new AcrError(502, 'UNKNOWN', `the distribution answered ${answer.statusCode} to the deletion of ${reference}`)
}
