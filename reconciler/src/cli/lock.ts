import { chooseBundle } from '../core/bundle-choice.ts'
import { findBundles } from '../registry/bundle.ts'
import { listAttached, listChildren } from '../registry/release-list.ts'
import { lockRelease } from '../registry/release-lock.ts'
import type { CommandPorts } from './ports.ts'
import { CommandRefused } from './refused.ts'
import { parseReleaseTarget, type ReleaseRequest } from './release-target.ts'

/**
 * Locks a release that is tagged: its tag, and what no tag names of it, the manifests of its index and all that is
 * attached. Locking it again locks what was attached since.
 */
export async function lock(request: ReleaseRequest, { connect, say, signal }: CommandPorts): Promise<void> {
  const { registry, repository: name, digest } = parseReleaseTarget(request)
  const connection = connect(registry)
  const choice = chooseBundle(await findBundles(connection, name, digest, signal), request.revision)
  if (choice.kind === 'ambiguous') throw new CommandRefused([choice.message])
  const children = await listChildren(connection, name, digest, signal)
  const attached = await listAttached(connection, name, digest, signal)
  const parts = [...children, ...attached]
  await lockRelease(connection, { name, tag: request.revision, digest, parts }, signal)
  say(`locked: ${registry}/${name}:${request.revision}`)
}
