import { imageAnnotations } from '../api/annotations.ts'
import { AppError } from '../core/errors.ts'
import { parseManifests } from '../core/manifest-yaml.ts'
import { boundedText, longestRevision } from './bounded-text.ts'
import { asBundleManifest, bundleArtifactType, checkBundleManifest, unpackLayer } from './bundle-format.ts'
import { readBlob, readManifest } from './content.ts'
import { findReferrers } from './referrers.ts'
import type { RegistryConnection } from './registry-connection.ts'
import type { BundleContent, BundleReference } from './tag-source.ts'
import { invalidAnswer, type Attempt } from './translate-error.ts'

/** Beside one image; signatures and SBOMs have types of their own. */
const mostBundles = 50

/** The bundles attached to an image: by the referrers API, or by the tag that stands for it where there is none. */
export async function findBundles(
  connection: RegistryConnection,
  name: string,
  subject: string,
  signal: AbortSignal,
): Promise<readonly BundleReference[]> {
  const { registry } = connection.http
  const attempt: Attempt = { host: registry, action: `find the bundles of ${registry}/${name}@${subject}` }
  return connection.call(name, attempt, signal, async ({ content }) => {
    const request = { name, digest: subject, artifactType: bundleArtifactType, signal }
    const listed = await findReferrers(connection, content, request, attempt)
    if (listed.length > mostBundles) throw invalidAnswer(attempt, `more than ${mostBundles} bundles are attached`)

    const references: BundleReference[] = []
    for (const { digest, revision: listedRevision } of listed) {
      const revision = listedRevision ?? (await readRevision(digest))
      references.push({ digest, subject, ...(revision !== undefined && { revision }) })
    }
    return references

    /** Some tools list a referrer without its annotations. */
    async function readRevision(digest: string): Promise<string | undefined> {
      const found = await readManifest(content, digest, attempt, signal)
      const revision = asBundleManifest(found?.document)?.annotations?.[imageAnnotations.revision]
      return revision && boundedText(revision, longestRevision)
    }
  })
}

/** The text of a bundle, each digest on the way to it verified. */
export async function readBundleText(
  connection: RegistryConnection,
  name: string,
  { digest, ...expected }: BundleReference,
  signal: AbortSignal,
): Promise<string> {
  const { registry } = connection.http
  const bundle = `${registry}/${name}@${digest}`
  const attempt: Attempt = { host: registry, action: `read the bundle ${bundle}` }
  return connection.call(name, attempt, signal, async ({ content }) => {
    const manifest = await readManifest(content, digest, attempt, signal)
    if (manifest === undefined) throw invalidAnswer(attempt, 'it has no such manifest')
    const layer = checkBundleManifest(manifest.document, expected)
    if (layer.kind === 'invalid') throw bundleInvalid(bundle, layer.problem)
    const blob = await readBlob(content, layer.value, attempt, signal)
    if (blob === undefined) throw invalidAnswer(attempt, `it has no blob ${layer.value.digest}`)
    const text = await unpackLayer(blob, layer.value)
    if (text.kind === 'invalid') throw bundleInvalid(bundle, text.problem)
    return text.value
  })
}

export async function readBundle(
  connection: RegistryConnection,
  name: string,
  reference: BundleReference,
  signal: AbortSignal,
): Promise<BundleContent> {
  const parsed = parseManifests(await readBundleText(connection, name, reference, signal))
  if (parsed.kind === 'parsed') return { digest: reference.digest, documents: parsed.documents }
  throw bundleInvalid(`${connection.http.registry}/${name}@${reference.digest}`, parsed.problems.join('; '))
}

function bundleInvalid(bundle: string, problem: string): AppError {
  return new AppError({ kind: 'terminal', reason: 'BundleInvalid', message: `bundle ${bundle} ${problem}` })
}
