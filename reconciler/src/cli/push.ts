import { createReadStream } from 'node:fs'
import { parseRepository } from '../core/image-reference.ts'
import { readImageFacts } from '../registry/image-facts.ts'
import { hasBlob, pushBlob, pushManifest } from '../registry/image-push.ts'
import type { Descriptor } from '../registry/oci.ts'
import { readImageLayout, type ImageLayout } from './image-layout.ts'
import type { CommandPorts } from './ports.ts'
import { CommandRefused } from './refused.ts'

export interface PushRequest {
  /** OCI layout of one image, or of one index. */
  readonly layout: string
  /** `REGISTRY/REPOSITORY` */
  readonly to: string
  /** The full SHA of the commit that it was built from. */
  readonly revision: string
}

/**
 * Pushes the very bytes that a builder wrote and a scanner read, under their digest and without a tag: what has none is
 * no release. What the repository has already is not sent again. Answers the digest.
 */
export async function push(request: PushRequest, { connect, say, signal }: CommandPorts): Promise<string> {
  const target = parseRepository(request.to)
  if (target.kind === 'invalid') throw new CommandRefused([`--to: ${target.problem}`])
  const layout = await readImageLayout(request.layout)
  refuseOther(layout, request.revision)

  const { registry, repository: name } = target.value
  const connection = connect(registry)
  const blobs = new Map(layout.manifests.flatMap(({ blobs }) => blobs).map((blob) => [blob.digest, blob]))
  for (const blob of blobs.values()) {
    if (await hasBlob(connection, name, blob.digest, signal)) continue
    say(`pushing ${shown(blob)}`)
    const content = createReadStream(layout.path(blob.digest))
    try {
      await pushBlob(connection, name, blob, content, signal)
    } finally {
      content.destroy()
    }
  }
  for (const { descriptor, bytes } of layout.manifests) await pushManifest(connection, name, descriptor, bytes, signal)
  const { digest } = layout.root.descriptor
  say(`pushed: ${registry}/${name}@${digest}, without a tag`)
  return digest
}

/** What the tag will name must say which commit it is of, and may say its place in the order. */
function refuseOther({ root: { descriptor, document } }: ImageLayout, revision: string): void {
  const read = readImageFacts(document.kind === 'index' ? document.index : manifestOf(document), descriptor.mediaType)
  if (read.kind === 'invalid') throw new CommandRefused([`the layout: ${read.problem}`])
  if (read.facts.revision === revision) return
  const built = read.facts.revision ?? 'no commit that it names (org.opencontainers.image.revision)'
  throw new CommandRefused([`the layout was built from ${built}, not from ${revision}`])
}

function manifestOf(document: ImageLayout['root']['document']): unknown {
  return document.kind === 'manifest' ? document.manifest : undefined
}

function shown({ digest, size }: Descriptor): string {
  return `${digest.slice(0, 19)}… (${(size / 1024 / 1024).toFixed(1)} MiB)`
}
