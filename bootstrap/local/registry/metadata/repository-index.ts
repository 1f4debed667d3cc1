import type { Change, ManifestRecord, RepositoryRecord, TagRecord } from './records.ts'
import { SortedList } from './sorted-list.ts'

type ByTime = { readonly lastUpdateTime: string }

/**
 * All tags and manifests of one repository, in the orders in which they are asked for: a page costs its own length and
 * a search, however many tags there are.
 */
export class RepositoryIndex {
  record: RepositoryRecord
  readonly tags = new Map<string, TagRecord>()
  readonly tagsByName = new SortedList<string>(compareText)
  readonly tagsByTime = new SortedList<TagRecord>((a, b) => compareTime(a, b) || compareText(a.name, b.name))
  readonly manifests = new Map<string, ManifestRecord>()
  readonly manifestsByDigest = new SortedList<string>(compareText)
  readonly manifestsByTime = new SortedList<ManifestRecord>(
    (a, b) => compareTime(a, b) || compareText(a.facts.digest, b.facts.digest),
  )
  readonly #tagsOfDigest = new Groups()
  readonly #referrersOfSubject = new Groups()

  constructor(record: RepositoryRecord) {
    this.record = record
  }

  /** Names of the tags that point at a manifest, in alphabetical order. */
  tagsOf(digest: string): readonly string[] {
    return this.#tagsOfDigest.get(digest)
  }

  /** Digests of the manifests whose subject is the given one, in alphabetical order. */
  referrersOf(digest: string): readonly string[] {
    return this.#referrersOfSubject.get(digest)
  }

  putTag(record: TagRecord): void {
    this.dropTag(record.name)
    this.tags.set(record.name, record)
    this.tagsByName.insert(record.name)
    this.tagsByTime.insert(record)
    this.#tagsOfDigest.add(record.digest, record.name)
  }

  dropTag(name: string): void {
    const record = this.tags.get(name)
    if (record === undefined) return
    this.tags.delete(name)
    this.tagsByName.remove(name)
    this.tagsByTime.remove(record)
    this.#tagsOfDigest.remove(record.digest, name)
  }

  putManifest(record: ManifestRecord): void {
    const { digest, subject } = record.facts
    this.dropManifest(digest)
    this.manifests.set(digest, record)
    this.manifestsByDigest.insert(digest)
    this.manifestsByTime.insert(record)
    if (subject !== undefined) this.#referrersOfSubject.add(subject, digest)
  }

  dropManifest(digest: string): void {
    const record = this.manifests.get(digest)
    if (record === undefined) return
    this.manifests.delete(digest)
    this.manifestsByDigest.remove(digest)
    this.manifestsByTime.remove(record)
    if (record.facts.subject !== undefined) this.#referrersOfSubject.remove(record.facts.subject, digest)
  }
}

/** The repositories of the registry; changes nothing but by {@link RegistryIndex.apply}. */
export class RegistryIndex {
  readonly repositories = new Map<string, RepositoryIndex>()
  readonly names = new SortedList<string>(compareText)

  /** A change of a repository that is not there is an error of the caller. */
  apply(change: Change): void {
    if ('put' in change) this.#put(change)
    else this.#drop(change)
  }

  /** The fewest changes that lead to what is there now. */
  *snapshot(): Generator<Change> {
    for (const { record, tags, manifests } of this.repositories.values()) {
      yield { put: 'repository', record }
      for (const manifest of manifests.values()) yield { put: 'manifest', repository: record.name, record: manifest }
      for (const tag of tags.values()) yield { put: 'tag', repository: record.name, record: tag }
    }
  }

  #put(change: Extract<Change, { put: unknown }>): void {
    if (change.put === 'tag') return this.#existing(change.repository).putTag(change.record)
    if (change.put === 'manifest') return this.#existing(change.repository).putManifest(change.record)
    const { record } = change
    const index = this.repositories.get(record.name)
    if (index !== undefined) {
      index.record = record
      return
    }
    this.repositories.set(record.name, new RepositoryIndex(record))
    this.names.insert(record.name)
  }

  #drop(change: Extract<Change, { drop: unknown }>): void {
    if (change.drop === 'tag') return this.#existing(change.repository).dropTag(change.name)
    if (change.drop === 'manifest') return this.#existing(change.repository).dropManifest(change.digest)
    this.repositories.delete(change.repository)
    this.names.remove(change.repository)
  }

  #existing(name: string): RepositoryIndex {
    const index = this.repositories.get(name)
    if (index === undefined) throw new Error(`a change was recorded for ${name}, a repository that is not there`)
    return index
  }
}

/** Sets of texts by a key; a key without any is gone. */
class Groups {
  readonly #members = new Map<string, SortedList<string>>()

  get(key: string): readonly string[] {
    return [...(this.#members.get(key)?.ascending() ?? [])]
  }

  add(key: string, member: string): void {
    const members = this.#members.get(key) ?? new SortedList<string>(compareText)
    members.insert(member)
    this.#members.set(key, members)
  }

  remove(key: string, member: string): void {
    const members = this.#members.get(key)
    members?.remove(member)
    if (members?.size === 0) this.#members.delete(key)
  }
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function compareTime(a: ByTime, b: ByTime): number {
  return compareText(a.lastUpdateTime, b.lastUpdateTime)
}
