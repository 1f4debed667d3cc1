import type { Tag } from '../core/tag-scan.ts'
import { readManifest } from './content.ts'
import { parseOciDocument } from './oci.ts'
import { findReferrers } from './referrers.ts'
import type { RegistryConnection } from './registry-connection.ts'
import { readTagPage } from './tag-pages.ts'
import { invalidAnswer, type Attempt } from './translate-error.ts'

const mostPages = 1_000

/** Every tag of a repository; on half a list nothing may be decided, so a page that fails fails the whole. */
export async function listTags(
  connection: RegistryConnection,
  name: string,
  signal: AbortSignal,
): Promise<readonly Tag[]> {
  const attempt = attemptOf(connection, `list the tags of ${connection.http.registry}/${name}`)
  return connection.call(name, attempt, signal, async ({ tags: client }) => {
    const found = new Map<string, Tag>()
    let next: string | undefined
    for (let pages = 0; pages < mostPages; pages += 1) {
      const page = await readTagPage(client, name, next, attempt, signal)
      // A tag that is pushed meanwhile moves to the front, and another is listed twice then.
      for (const tag of page.tags) found.set(tag.name, tag)
      if (page.next === undefined) return [...found.values()]
      next = page.next
    }
    throw invalidAnswer(attempt, `more than ${mostPages} pages of tags`)
  })
}

/** The manifests that an index names; none for an image, and none for what is gone meanwhile. */
export async function listChildren(
  connection: RegistryConnection,
  name: string,
  digest: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const attempt = attemptOf(connection, `read ${connection.http.registry}/${name}@${digest}`)
  return connection.call(name, attempt, signal, async ({ content }) => {
    const found = await readManifest(content, digest, attempt, signal)
    const document = parseOciDocument(found?.document)
    return document.kind === 'index' ? document.index.manifests.map((child) => child.digest) : []
  })
}

/** All that is attached to an image: bundles, signatures, lists of what is in it. */
export async function listAttached(
  connection: RegistryConnection,
  name: string,
  digest: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const attempt = attemptOf(connection, `list what is attached to ${connection.http.registry}/${name}@${digest}`)
  return connection.call(name, attempt, signal, async ({ content }) => {
    const found = await findReferrers(connection, content, { name, digest, signal }, attempt)
    return found.map((referrer) => referrer.digest)
  })
}

function attemptOf(connection: RegistryConnection, action: string): Attempt {
  return { host: connection.http.registry, action }
}
