import { chooseBundle } from '../core/bundle-choice.ts'
import { findBundles } from '../registry/bundle.ts'
import { lockRelease } from '../registry/release-lock.ts'
import type { CommandPorts } from './ports.ts'
import { CommandRefused } from './refused.ts'
import { parseReleaseTarget, type ReleaseRequest } from './release-target.ts'

/** Locks a release that is tagged: its tag, and its bundle where it has one. Locking it again changes nothing. */
export async function lock(request: ReleaseRequest, { connect, say, signal }: CommandPorts): Promise<void> {
  const { registry, repository: name, digest } = parseReleaseTarget(request)
  const connection = connect(registry)
  const choice = chooseBundle(await findBundles(connection, name, digest, signal), request.revision)
  if (choice.kind === 'ambiguous') throw new CommandRefused([choice.message])
  const bundle = choice.kind === 'bundle' ? choice.bundle.digest : undefined
  await lockRelease(connection, { name, tag: request.revision, digest, ...(bundle && { bundle }) }, signal)
  say(`locked: ${registry}/${name}:${request.revision}`)
}
