import { chooseBundle } from '../core/bundle-choice.ts'
import { checkBundle } from '../core/bundle-rules.ts'
import { AppError } from '../core/errors.ts'
import { render } from '../core/render.ts'
import { packCopy } from '../kube/release-copy.ts'
import { findBundles, readBundleText } from '../registry/bundle.ts'
import { checkBundleManifest, encodeBundle, mostTextBytes, type EncodedBundle } from '../registry/bundle-format.ts'
import { pushBundle, readPushedImage, setTag, type PushedImage } from '../registry/bundle-push.ts'
import type { RegistryConnection } from '../registry/registry-connection.ts'
import { readManifestFolder, type ManifestFolder } from './manifest-folder.ts'
import type { CommandPorts } from './ports.ts'
import { CommandRefused } from './refused.ts'
import { parseReleaseTarget, type ReleaseRequest, type ReleaseTarget } from './release-target.ts'

export interface AttachRequest extends ReleaseRequest {
  readonly folder: string
  /** Set last, where it is given. */
  readonly tag?: string
  /** Where the Delivery is, to check the same as it will. */
  readonly namespace?: string
  /** The account that the Delivery deploys as, to check the same as it will. */
  readonly serviceAccount?: string
}

/**
 * Attaches the manifests of a folder to an image as its one bundle of a revision, after the checks that the reconciler
 * makes. Doing it again with the same manifests does nothing; with others it is refused, for the reconciler could not
 * choose. Answers the digest of the bundle.
 */
export async function attach(request: AttachRequest, ports: CommandPorts): Promise<string> {
  const { say, signal } = ports
  const target = parseTarget(request)
  const folder = await readManifestFolder(request.folder)
  await refuseManifests(folder, request, target)

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

function parseTarget({ tag, ...release }: AttachRequest): ReleaseTarget {
  const isOther = tag !== undefined && tag !== release.revision
  return parseReleaseTarget(release, isOther ? ['--tag must be the revision: that is how a bundle is found'] : [])
}

async function refuseManifests(folder: ManifestFolder, request: AttachRequest, target: ReleaseTarget): Promise<void> {
  const { namespace, serviceAccount, revision } = request
  if (folder.problems.length > 0) throw new CommandRefused(folder.problems)
  const checked = checkBundle(folder.documents, {
    ...(namespace !== undefined && { namespace }),
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
  })
  if (checked.kind === 'refused') {
    throw new CommandRefused(checked.violations.map(({ object, problem }) => `${object}: ${problem}`))
  }
  // The owner is not known here and changes nothing of what is checked.
  const owner = { namespace: namespace ?? 'default', name: 'unknown', uid: 'unknown' }
  const rendering = render(checked.objects, { owner, repository: target, tag: revision, digest: target.digest })
  if (rendering.kind === 'refused') throw new CommandRefused([rendering.message])
  const bytes = Buffer.byteLength(folder.text)
  if (bytes > mostTextBytes)
    throw new CommandRefused([`the manifests have ${bytes} bytes, ${mostTextBytes} at most are taken`])
  await packCopy(rendering.objects).catch((error: unknown) => {
    throw error instanceof AppError ? new CommandRefused([error.message]) : error
  })
}

function refuseImage({ facts }: PushedImage, { image, revision }: AttachRequest, say: (line: string) => void): void {
  if (facts.kind === 'invalid') throw new CommandRefused([`${image}: ${facts.problem}`])
  const { revision: built, sequence } = facts.facts
  if (built !== undefined && built !== revision) {
    throw new CommandRefused([`${image} says that it was built from ${built}, not from ${revision}`])
  }
  if (built === undefined) say('note: the image has no annotation org.opencontainers.image.revision')
  if (sequence === undefined) say('note: the image has no annotation windlass.dev/sequence: its push time orders it')
}

/** The bundle's own limits, as the reconciler reads them from its manifest. */
function refuseSize({ manifest }: EncodedBundle, subject: string, revision: string): void {
  const checked = checkBundleManifest(JSON.parse(manifest.toString('utf8')), { subject, revision })
  if (checked.kind === 'invalid') throw new CommandRefused([`the bundle ${checked.problem}`])
}

/** The digest of what is attached for this revision; the same text is the same bundle, however it was packed. */
async function attachedBundle(
  connection: RegistryConnection,
  name: string,
  { revision, image }: AttachRequest,
  { digest: subject }: ReleaseTarget,
  { text }: ManifestFolder,
  signal: AbortSignal,
): Promise<string | undefined> {
  const choice = chooseBundle(await findBundles(connection, name, subject, signal), revision)
  if (choice.kind === 'none') return undefined
  if (choice.kind === 'ambiguous') throw new CommandRefused([choice.message])
  if ((await readBundleText(connection, name, choice.bundle, signal)) === text) return choice.bundle.digest
  throw new CommandRefused([
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
