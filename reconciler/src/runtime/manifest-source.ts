import { createHash } from 'node:crypto'
import type { DeliverySpec, Revision } from '../api/delivery.ts'
import { chooseBundle } from '../core/bundle-choice.ts'
import { mostBytes } from '../core/bundle-rules.ts'
import { AppError } from '../core/errors.ts'
import { jsonSize } from '../core/json-size.ts'
import { parseManifests } from '../core/manifest-yaml.ts'
import type { ObjectStore, Tenant } from '../kube/ports.ts'
import type { TagSource } from '../registry/tag-source.ts'

/** The manifests of a release as they were written, and the digest by which they are known again. */
export interface Manifests {
  readonly digest: string
  readonly documents: readonly unknown[]
}

export interface ManifestScope {
  readonly tags: TagSource
  readonly objects: Pick<ObjectStore, 'get'>
  readonly spec: DeliverySpec
  readonly tenant: Tenant
  readonly signal: AbortSignal
}

/** The manifests that belong to an image now; undefined where there are none yet. */
export async function findManifests(
  scope: ManifestScope,
  image: Pick<Revision, 'tag' | 'digest'>,
): Promise<Manifests | undefined> {
  const { tags, spec, signal } = scope
  if (spec.manifests.configMap !== undefined) return readConfigMap(scope, spec.manifests.configMap.name)

  const { repository } = spec.image
  const choice = chooseBundle(await tags.bundles(repository, image.digest, signal), image.tag)
  if (choice.kind === 'none') return undefined
  if (choice.kind === 'ambiguous') {
    throw new AppError({ kind: 'terminal', reason: choice.reason, message: choice.message })
  }
  return tags.bundle(repository, choice.bundle, signal)
}

/** The very manifests that a release was taken with, whatever has come since. */
export async function readManifests(scope: ManifestScope, revision: Revision): Promise<Manifests> {
  const { tags, spec, signal } = scope
  const { repository, tag, digest, bundleDigest } = revision
  if (bundleDigest === undefined) throw new Error(`the release ${tag} in status names no manifests`)
  if (spec.manifests.configMap === undefined) {
    return tags.bundle(repository, { digest: bundleDigest, subject: digest, revision: tag }, signal)
  }
  const { name } = spec.manifests.configMap
  const manifests = await readConfigMap(scope, name)
  if (manifests?.digest === bundleDigest) return manifests
  throw new AppError({
    kind: 'waiting',
    reason: 'BundleMissing',
    message: `the release ${tag} was taken with other manifests than ConfigMap ${name} holds now; put those back, or push a new release`,
  })
}

/** Every value in the order of its name, so that the digest is that of the content alone. */
async function readConfigMap({ objects, tenant, signal }: ManifestScope, name: string): Promise<Manifests | undefined> {
  const { namespace } = tenant
  const configMap = await objects.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace, name }, tenant, signal)
  if (configMap === undefined) return undefined

  const content = (configMap['data'] ?? {}) as Readonly<Record<string, string>>
  const values = Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1))
  const digest = `sha256:${createHash('sha256').update(JSON.stringify(values)).digest('hex')}`
  const refuse = (problem: string) =>
    new AppError({ kind: 'terminal', reason: 'BundleInvalid', message: `ConfigMap ${name}${problem}` })
  let bytes = 0
  const documents = values.flatMap(([key, text]) => {
    const parsed = parseManifests(text)
    if (parsed.kind === 'invalid') throw refuse(`, ${key}: ${parsed.problems.join('; ')}`)
    // Each is bounded by itself, and there may be hundreds.
    bytes += jsonSize(parsed.documents, mostBytes)
    if (bytes > mostBytes) throw refuse(` has more than ${mostBytes} bytes as JSON up to ${key}`)
    return parsed.documents
  })
  return { digest, documents }
}
