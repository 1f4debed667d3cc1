import { AppError } from '../src/core/errors.ts'
import type { TagSource } from '../src/registry/tag-source.ts'
import type { Actor, Lookup } from './occurrence.ts'
import { repositoryName } from './repository.ts'
import type { Surroundings } from './surroundings.ts'
import type { Wire } from './wire.ts'

/** The registry as one process sees it. */
export function tagSource(by: Actor, wire: Wire, { repository, cluster, tell }: Surroundings): TagSource {
  async function ask<T>(what: Lookup, name: string, signal: AbortSignal, read: () => T): Promise<T> {
    assertKnown(name)
    try {
      const answer = await wire.call({ to: 'registry', isWrite: false, signal }, read)
      tell({ kind: 'lookedUp', by, what, repository: name, isAnswered: true })
      return answer
    } catch (error) {
      tell({ kind: 'lookedUp', by, what, repository: name, isAnswered: !isPassing(error) })
      throw error
    }
  }

  return {
    async scan(request, signal) {
      assertKnown(request.repository)
      try {
        return await wire.call({ to: 'registry', isWrite: false, signal }, () => {
          const scan = repository.scan(request)
          const result = scan.kind === 'unchanged' ? 'unchanged' : 'changed'
          tell({ kind: 'scanned', by, result, tags: repository.listed() })
          return scan
        })
      } catch (error) {
        tell({ kind: 'scanned', by, result: 'failed', tags: [] })
        throw error
      }
    },
    async tag(name, tag, signal) {
      // Nothing was awaited since the decision. What runs and status knows nothing of was not chosen.
      const isKnown = cluster.delivery?.status?.highWater !== undefined || cluster.objects.size === 0
      if (isKnown) tell({ kind: 'chosen', by, tag, delivery: cluster.delivery })
      return ask('tag', name, signal, () => repository.tag(tag))
    },
    image: async (name, digest, signal) => ask('image', name, signal, () => repository.image(digest)),
    bundles: async (name, digest, signal) => ask('bundles', name, signal, () => repository.bundlesOf(digest)),
    bundle: async (name, { digest }, signal) => ask('bundle', name, signal, () => repository.bundle(digest)),
  }
}

function assertKnown(name: string): void {
  if (name !== repositoryName) throw new Error(`no history has a repository ${name}`)
}

function isPassing(error: unknown): boolean {
  return error instanceof AppError && error.kind === 'retryable'
}
