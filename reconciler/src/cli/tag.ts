import { chooseBundle } from '../core/bundle-choice.ts'
import { findBundles } from '../registry/bundle.ts'
import { readPushedImage, setTag, type PushedImage } from '../registry/bundle-push.ts'
import { listReferrers } from '../registry/referrers.ts'
import type { RegistryConnection } from '../registry/registry-connection.ts'
import type { CommandPorts } from './ports.ts'
import { CommandRefused } from './refused.ts'
import { parseReleaseTarget, type ReleaseRequest, type ReleaseTarget } from './release-target.ts'

export interface TagRequest extends ReleaseRequest {
  /** False for an image that is not delivered by its manifests, as the reconciler's own. */
  readonly hasManifests: boolean
  /** Artifact types of which at least one must be attached: a signature's, an SBOM's. */
  readonly attested: readonly string[]
}

/**
 * Releases what is whole: sets the tag, which is what clusters see, after a look at all that must be there by then. A tag
 * that is set already is left alone; one that names another image is never moved.
 */
export async function tagRelease(request: TagRequest, { connect, say, signal }: CommandPorts): Promise<void> {
  const target = parseReleaseTarget(request)
  const connection = connect(target.registry)
  const image = await readPushedImage(connection, target.repository, target.digest, signal)
  const problems = [
    ...factProblems(image, request, say),
    ...(await bundleProblems(connection, target, request, signal)),
    ...(await attestationProblems(connection, target, request, signal)),
  ]
  if (problems.length > 0) throw new CommandRefused(problems)
  await setTag(connection, target.repository, request.revision, image, signal)
  say(`tagged: ${target.registry}/${target.repository}:${request.revision}`)
}

function factProblems(
  { facts }: PushedImage,
  { image, revision }: TagRequest,
  say: (line: string) => void,
): readonly string[] {
  if (facts.kind === 'invalid') return [`${image}: ${facts.problem}`]
  const { revision: built, sequence } = facts.facts
  if (sequence === undefined) say('note: the image has no annotation windlass.dev/sequence: its push time orders it')
  return built === revision
    ? []
    : [`${image} says that it was built from ${built ?? 'no commit'}, not from ${revision}`]
}

async function bundleProblems(
  connection: RegistryConnection,
  { repository, digest }: ReleaseTarget,
  { hasManifests, image, revision }: TagRequest,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (!hasManifests) return []
  const choice = chooseBundle(await findBundles(connection, repository, digest, signal), revision)
  if (choice.kind === 'ambiguous') return [choice.message]
  return choice.kind === 'bundle' ? [] : [`${image} has no manifests of ${revision}: run windlass attach first`]
}

async function attestationProblems(
  connection: RegistryConnection,
  { registry, repository: name, digest }: ReleaseTarget,
  { attested, image }: TagRequest,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const problems: string[] = []
  for (const artifactType of attested) {
    const attempt = { host: registry, action: `list what is attached to ${image}` }
    const listed = await connection.call(name, attempt, signal, () =>
      listReferrers(connection, { name, digest, artifactType, signal }),
    )
    if (listed === undefined || listed.length === 0) problems.push(`${image} has no ${artifactType} attached`)
  }
  return problems
}
