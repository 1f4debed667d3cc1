import { isDigest, isTag, parseRepository } from '../core/image-reference.ts'
import { sortByRetention, type Retention, type TaggedImage, type WhyKept } from '../core/retention.ts'
import type { RegistryConnection } from '../registry/registry-connection.ts'
import { listAttached, listChildren, listTags } from '../registry/release-list.ts'
import { deleteRelease } from '../registry/release-lock.ts'
import type { CommandPorts } from './ports.ts'
import { CommandRefused } from './refused.ts'

export interface RetainRequest {
  /** `REGISTRY/REPOSITORY` */
  readonly repository: string
  readonly newest: number
  readonly graceDays: number
  /** Tags and digests. */
  readonly keep: readonly string[]
  /** What counts as a release; images with other tags are never deleted. */
  readonly tags: RegExp
  /** Says what would go, and deletes nothing. */
  readonly isDryRun: boolean
  /** Epoch milliseconds. */
  readonly nowMs: number
}

const dayMs = 86_400_000

/**
 * Deletes releases that have had their time, oldest first, each with all that is attached. What fails ends it; run again, it
 * goes on where it was. Answers how many went, or would go.
 */
export async function retain(request: RetainRequest, { connect, say, signal }: CommandPorts): Promise<number> {
  const target = parseRepository(request.repository)
  if (target.kind === 'invalid') throw new CommandRefused([target.problem])
  refuseUnreadable(request)
  const { registry, repository: name } = target.value
  const connection = connect(registry)
  const retention = sortByRetention(
    await listTags(connection, name, signal),
    {
      newest: request.newest,
      graceMs: request.graceDays * dayMs,
      keep: new Set(request.keep),
      isRelease: (tag) => request.tags.test(tag),
    },
    request.nowMs,
  )
  tellKept(retention, say)
  if (request.isDryRun) {
    for (const image of retention.expired) say(`would delete ${shown(image)}`)
    return retention.expired.length
  }
  await deleteAll(connection, name, retention, say, signal)
  return retention.expired.length
}

async function deleteAll(
  connection: RegistryConnection,
  name: string,
  { expired, kept }: Retention,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const needed = expired.length === 0 ? [] : kept.map(({ image }) => image.digest)
  const shared = new Set(needed)
  for (const digest of needed) {
    for (const child of await listChildren(connection, name, digest, signal)) shared.add(child)
  }
  for (const image of expired) {
    const children = await listChildren(connection, name, image.digest, signal)
    const attached = await listAttached(connection, name, image.digest, signal)
    await deleteRelease(
      connection,
      {
        name,
        digest: image.digest,
        tags: image.tags,
        attached,
        children: children.filter((child) => !shared.has(child)),
      },
      signal,
    )
    say(`deleted ${shown(image)}`)
  }
}

function refuseUnreadable({ newest, graceDays, keep }: RetainRequest): void {
  const problems: string[] = []
  if (!Number.isSafeInteger(newest) || newest < 1) problems.push('--newest must be a whole number, 1 at least')
  if (!Number.isSafeInteger(graceDays) || graceDays < 1)
    problems.push('--grace-days must be a whole number, 1 at least')
  const wrong = keep.filter((name) => !isTag(name) && !isDigest(name))
  if (wrong.length > 0) problems.push(`--keep takes tags and digests, not ${wrong.join(', ')}`)
  if (problems.length > 0) throw new CommandRefused(problems)
}

const reasons: Readonly<Record<WhyKept, string>> = {
  named: 'named to be kept',
  newest: 'among the newest',
  young: 'within the grace time',
  otherTag: 'with a tag that is no release',
}

function tellKept({ kept, unknown }: Retention, say: (line: string) => void): void {
  for (const [why, text] of Object.entries(reasons)) {
    const count = kept.filter((image) => image.why === why).length
    if (count > 0) say(`kept: ${count} ${text}`)
  }
  if (unknown.length > 0) say(`note: named to be kept, and not there: ${unknown.join(', ')}`)
}

function shown({ digest, tags, youngestMs }: TaggedImage): string {
  return `${tags.join(', ')} (${digest.slice(0, 19)}…, ${new Date(youngestMs).toISOString().slice(0, 10)})`
}
