import { chooseBundle } from '../core/bundle-choice.ts'
import { checkBundle } from '../core/bundle-rules.ts'
import { AppError } from '../core/errors.ts'
import { isDigest, isTag, parseImageReference, type Repository } from '../core/image-reference.ts'
import { render } from '../core/render.ts'
import { findBundles, readBundleText } from '../registry/bundle.ts'
import { checkBundleManifest, encodeBundle, mostTextBytes, type EncodedBundle } from '../registry/bundle-format.ts'
import { pushBundle, readPushedImage, setTag, type PushedImage } from '../registry/bundle-push.ts'
import type { RegistryConnection } from '../registry/registry-connection.ts'
import { readManifestFolder, type ManifestFolder } from './manifest-folder.ts'

export interface AttachRequest {
  readonly folder: string
  /** `REGISTRY/REPOSITORY@DIGEST` */
  readonly image: string
  /** The full SHA of the commit; the tag under which the image is released. */
  readonly revision: string
  /** Set last, where it is given. */
  readonly tag?: string
  /** Where the Delivery is, to check the same as it will. */
  readonly namespace?: string
  /** The account that the Delivery deploys as, to check the same as it will. */
  readonly serviceAccount?: string
}

export interface AttachPorts {
  readonly connect: (registry: string) => RegistryConnection
  /** For a person who follows along. */
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/** All that is wrong with what was asked, before anything was pushed. */
export class AttachRefused extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'AttachRefused'
    this.problems = problems
  }
}

interface Target extends Repository {
  readonly digest: string
}

/**
 * Attaches the manifests of a folder to an image as its one bundle of a revision, after the checks that the reconciler
 * makes. Doing it again with the same manifests does nothing; with others it is refused, for the reconciler could not
 * choose. Answers the digest of the bundle.
 */
export async function attach(request: AttachRequest, ports: AttachPorts): Promise<string> {
  const { say, signal } = ports
  const target = parseTarget(request)
  const folder = await readManifestFolder(request.folder)
  refuseManifests(folder, request, target)

  const connection = ports.connect(target.registry)
  const name = target.repository
  const image = await readPushedImage(connection, name, target.digest, signal)
  refuseImage(image, request, say)
  const bundle = encodeBundle(folder.text, image.subject, request.revision)
  refuseSize(bundle, target.digest, request.revision)

  const before = await attachedBundle(connection, name, request, target, folder, signal)
  if (before === undefined) await pushBundle(connection, name, bundle, image.subject, signal)
  const digest = (await attachedBundle(connection, name, request, target, folder, signal)) ?? missing(bundle)
  const done = before === undefined ? 'attached' : 'already attached'
  say(`${done}: ${folder.documents.length} objects of ${request.revision} to ${request.image}`)

  if (request.tag !== undefined) {
    await setTag(connection, name, request.tag, image, signal)
    say(`tagged: ${target.registry}/${name}:${request.tag}`)
  }
  return digest
}

function parseTarget({ image, revision, tag }: AttachRequest): Target {
  const problems: string[] = []
  const parsed = parseImageReference(image)
  if (parsed.kind === 'invalid') problems.push(`--image: ${parsed.problem}`)
  const { registry, repository, digest } = parsed.kind === 'parsed' ? parsed.value : {}
  if (parsed.kind === 'parsed' && (registry === undefined || digest === undefined || !isDigest(digest))) {
    problems.push('--image must be REGISTRY/REPOSITORY@DIGEST')
  }
  // The reconciler takes the bundle whose revision is the tag's name, so it must be able to be one.
  if (!isTag(revision)) problems.push(`--revision: "${revision}" can't be the name of a tag`)
  if (tag !== undefined && tag !== revision) problems.push('--tag must be the revision: that is how a bundle is found')
  if (problems.length > 0 || registry === undefined || repository === undefined || digest === undefined) {
    throw new AttachRefused(problems)
  }
  return { registry, repository, digest }
}

function refuseManifests(folder: ManifestFolder, request: AttachRequest, target: Target): void {
  const { namespace, serviceAccount, revision } = request
  if (folder.problems.length > 0) throw new AttachRefused(folder.problems)
  const checked = checkBundle(folder.documents, {
    ...(namespace !== undefined && { namespace }),
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
  })
  if (checked.kind === 'refused') {
    throw new AttachRefused(checked.violations.map(({ object, problem }) => `${object}: ${problem}`))
  }
  // The owner is not known here and changes nothing of what is checked.
  const owner = { namespace: namespace ?? 'default', name: 'unknown', uid: 'unknown' }
  const rendering = render(checked.objects, { owner, repository: target, tag: revision, digest: target.digest })
  if (rendering.kind === 'refused') throw new AttachRefused([rendering.message])
  const bytes = Buffer.byteLength(folder.text)
  if (bytes > mostTextBytes)
    throw new AttachRefused([`the manifests have ${bytes} bytes, ${mostTextBytes} at most are taken`])
}

function refuseImage({ facts }: PushedImage, { image, revision }: AttachRequest, say: (line: string) => void): void {
  if (facts.kind === 'invalid') throw new AttachRefused([`${image}: ${facts.problem}`])
  const { revision: built, sequence } = facts.facts
  if (built !== undefined && built !== revision) {
    throw new AttachRefused([`${image} says that it was built from ${built}, not from ${revision}`])
  }
  if (built === undefined) say('note: the image has no annotation org.opencontainers.image.revision')
  if (sequence === undefined) say('note: the image has no annotation windlass.dev/sequence: its push time orders it')
}

/** The bundle's own limits, as the reconciler reads them from its manifest. */
function refuseSize({ manifest }: EncodedBundle, subject: string, revision: string): void {
  const checked = checkBundleManifest(JSON.parse(manifest.toString('utf8')), { subject, revision })
  if (checked.kind === 'invalid') throw new AttachRefused([`the bundle ${checked.problem}`])
}

/** The digest of what is attached for this revision; the same text is the same bundle, however it was packed. */
async function attachedBundle(
  connection: RegistryConnection,
  name: string,
  { revision, image }: AttachRequest,
  { digest: subject }: Target,
  { text }: ManifestFolder,
  signal: AbortSignal,
): Promise<string | undefined> {
  const choice = chooseBundle(await findBundles(connection, name, subject, signal), revision)
  if (choice.kind === 'none') return undefined
  if (choice.kind === 'ambiguous') throw new AttachRefused([choice.message])
  if ((await readBundleText(connection, name, choice.bundle, signal)) === text) return choice.bundle.digest
  throw new AttachRefused([
    `${image} has another bundle of ${revision} attached, ${choice.bundle.digest}; two could not be told apart: build a new image, or delete that one`,
  ])
}

function missing({ digest }: EncodedBundle): never {
  throw new AppError({
    kind: 'retryable',
    reason: 'RegistryInvalidAnswer',
    message: `the registry took bundle ${digest} and does not list it`,
  })
}
