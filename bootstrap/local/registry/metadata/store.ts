import { join } from 'node:path'
import { openJournal } from './journal.ts'
import type { Journal } from './journal.ts'
import { KeyedLock } from './keyed-lock.ts'
import type { Attributes, Change, ManifestFacts, Recorded } from './records.ts'
import { unlocked } from './records.ts'
import { RegistryIndex } from './repository-index.ts'
import type { RepositoryIndex } from './repository-index.ts'
import { SharedLock } from './shared-lock.ts'
import { UpdateClock } from './update-clock.ts'

export interface StoreOptions {
  readonly nowMs: () => number
  /**
   * ACR leaves the update time alone when attributes change, in all of the answers that its SDKs' tests recorded,
   * though its documents do not promise it. With true it moves, for clients that must cope with both.
   */
  readonly attributesMoveUpdateTime: boolean
}

export type Target =
  | { readonly kind: 'repository' }
  | { readonly kind: 'tag'; readonly name: string }
  | { readonly kind: 'manifest'; readonly digest: string }

/**
 * What ACR knows of repositories, tags and manifests beside their content: times, attributes, and which manifest is
 * attached to which. Each change is in the journal before it is seen.
 *
 * What is recorded must change together with the content: see `whilePushing` and `exclusively`.
 */
export class MetadataStore {
  readonly #index: RegistryIndex
  readonly #journal: Journal
  readonly #clock: UpdateClock
  readonly #options: StoreOptions
  readonly #content = new SharedLock()
  readonly #references = new KeyedLock()
  readonly #updates = new KeyedLock()

  constructor(index: RegistryIndex, journal: Journal, clock: UpdateClock, options: StoreOptions) {
    this.#index = index
    this.#journal = journal
    this.#clock = clock
    this.#options = options
  }

  repository(name: string): RepositoryIndex | undefined {
    return this.#index.repositories.get(name)
  }

  /** Names of all repositories after the given one, in alphabetical order. */
  repositoryNames(after?: string): Iterable<string> {
    return this.#index.names.ascending(after)
  }

  /**
   * Keeps what is recorded of a tag, or of a manifest by its digest, in step with the content while both are written:
   * nobody else writes to the same reference, or deletes anything of the repository.
   */
  whilePushing<T>(repository: string, reference: string, work: () => Promise<T>): Promise<T> {
    return this.#content.shared(repository, () => this.#references.run(`${repository}:${reference}`, work))
  }

  /** The same for a whole repository, for whatever is deleted or locked in it. */
  exclusively<T>(repository: string, work: () => Promise<T>): Promise<T> {
    return this.#content.exclusive(repository, work)
  }

  /** A manifest was pushed, by its tag or by its digest alone; its facts count where it was not there yet. */
  async pushed(repository: string, facts: ManifestFacts, tag?: string): Promise<void> {
    await this.#update(repository, (index) => {
      const changes: Change[] = [{ put: 'repository', record: { ...this.#touched(index?.record), name: repository } }]
      if (!index?.manifests.has(facts.digest)) {
        changes.push({ put: 'manifest', repository, record: { ...this.#touched(), facts } })
      }
      if (tag !== undefined) {
        const record = { ...this.#touched(index?.tags.get(tag)), name: tag, digest: facts.digest }
        changes.push({ put: 'tag', repository, record })
      }
      return changes
    })
  }

  async untagged(repository: string, name: string): Promise<void> {
    await this.#update(repository, (index) => [{ drop: 'tag', repository, name }, ...this.#touch(index)])
  }

  /** A manifest and the tags that pointed at it are gone; a repository without manifests is gone too. */
  async deleted(repository: string, digest: string): Promise<void> {
    await this.#update(repository, (index) => {
      if (index === undefined) return []
      if (index.manifests.size === 1 && index.manifests.has(digest)) return [{ drop: 'repository', repository }]
      return [
        ...index.tagsOf(digest).map((name) => ({ drop: 'tag', repository, name }) as const),
        { drop: 'manifest', repository, digest },
        ...this.#touch(index),
      ]
    })
  }

  async deletedRepository(repository: string): Promise<void> {
    await this.#update(repository, () => [{ drop: 'repository', repository }])
  }

  /** Does nothing to a target that is not there. */
  async changeAttributes(repository: string, target: Target, patch: Partial<Attributes>): Promise<void> {
    await this.#update(repository, (index) => {
      const change = index && this.#attributesChange(index, target, patch)
      return change ? [change] : []
    })
  }

  close(): Promise<void> {
    return this.#journal.close()
  }

  /** What changes is told from what is recorded, so that must not change until it is recorded too. */
  #update(repository: string, changesOf: (index: RepositoryIndex | undefined) => readonly Change[]): Promise<void> {
    return this.#updates.run(repository, async () => {
      const changes = changesOf(this.repository(repository))
      if (changes.length === 0) return
      await this.#journal.append(changes)
      for (const change of changes) this.#index.apply(change)
    })
  }

  /** A record's common part after a push: the creation time stays, the update time moves. */
  #touched(before?: Recorded): Recorded {
    const now = this.#clock.next()
    return {
      createdTime: before?.createdTime ?? now,
      lastUpdateTime: now,
      attributes: before?.attributes ?? unlocked,
    }
  }

  #touch(index: RepositoryIndex | undefined): readonly Change[] {
    return index ? [{ put: 'repository', record: { ...index.record, lastUpdateTime: this.#clock.next() } }] : []
  }

  #attributesChange(index: RepositoryIndex, target: Target, patch: Partial<Attributes>): Change | undefined {
    const repository = index.record.name
    if (target.kind === 'repository') return { put: 'repository', record: this.#patched(index.record, patch) }
    if (target.kind === 'tag') {
      const record = index.tags.get(target.name)
      return record && { put: 'tag', repository, record: this.#patched(record, patch) }
    }
    const record = index.manifests.get(target.digest)
    return record && { put: 'manifest', repository, record: this.#patched(record, patch) }
  }

  #patched<Of extends Recorded>(record: Of, patch: Partial<Attributes>): Of {
    return {
      ...record,
      attributes: { ...record.attributes, ...patch },
      ...(this.#options.attributesMoveUpdateTime && { lastUpdateTime: this.#clock.next() }),
    }
  }
}

/** Opens the store in a folder that exists. */
export async function openStore(dir: string, options: StoreOptions): Promise<MetadataStore> {
  const index = new RegistryIndex()
  const clock = new UpdateClock(options.nowMs)
  let changes = 0
  const journal = await openJournal(join(dir, 'metadata.jsonl'), (change) => {
    index.apply(change)
    if ('put' in change) clock.observe(change.record.lastUpdateTime)
    changes += 1
  })
  const needed = recordsIn(index)
  // Twice as long as needed is cheaper to read than to write anew each time.
  if (changes > 2 * needed + 1_000) await journal.replace(index.snapshot())
  return new MetadataStore(index, journal, clock, options)
}

function recordsIn(index: RegistryIndex): number {
  let records = 0
  for (const { tags, manifests } of index.repositories.values()) records += 1 + tags.size + manifests.size
  return records
}
