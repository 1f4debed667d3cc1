import type { RegistryConnection } from '../registry/registry-connection.ts'
import { attach } from './attach.ts'
import { lock } from './lock.ts'
import type { CommandPorts } from './ports.ts'
import { push } from './push.ts'
import { tagRelease } from './tag.ts'

export interface Sequence {
  readonly layout: string
  readonly repository: string
  readonly manifests: string
  readonly revision: string
  /** One for each command, as each is a process of its own. */
  readonly connect: () => RegistryConnection
  readonly said?: string[]
}

/** The steps of a release in the order of the workflow; answers the digest that was pushed. */
export async function runSequence({ connect, said = [], ...release }: Sequence): Promise<string> {
  const { layout, repository, manifests, revision } = release
  const ports: CommandPorts = { connect, say: (line) => said.push(line), signal: new AbortController().signal }
  const digest = await push({ layout, to: repository, revision }, ports)
  const image = `${repository}@${digest}`
  await attach({ folder: manifests, image, revision }, ports)
  await tagRelease({ image, revision, hasManifests: true, attested: [] }, ports)
  await lock({ image, revision }, ports)
  return digest
}
