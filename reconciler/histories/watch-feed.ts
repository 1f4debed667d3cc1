import type { KubeObject } from '../src/api/object.ts'
import type { Watch, WatchEvent, WatchRequest, WatchSource } from '../src/kube/ports.ts'
import { createWatchStore, type WatchStore } from '../src/kube/watch-store.ts'
import type { Change, Cluster } from './cluster.ts'

interface Followed {
  readonly store: WatchStore<KubeObject>
  readonly emit: (events: ReadonlyArray<WatchEvent<KubeObject>>) => void
  readonly waiting: Change[]
}

/** The watches of one process over the cluster: late, repeated, or begun anew, as a history wants them. */
export class WatchFeed implements WatchSource {
  readonly #cluster: Cluster
  readonly #followed = new Map<string, Followed>()
  readonly #late = new Set<string>()
  readonly #listener = (change: Change) => this.#take(change)
  #last: Change[] = []
  #isDead = false

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    cluster.listeners.add(this.#listener)
  }

  watch<T extends KubeObject>({ path }: WatchRequest, onEvent: (event: WatchEvent<T>) => void): Watch<T> {
    const store = createWatchStore<KubeObject>()
    const emit = (events: ReadonlyArray<WatchEvent<KubeObject>>) => {
      for (const event of events) if (!this.#isDead) onEvent(event as WatchEvent<T>)
    }
    this.#followed.set(path, { store, emit, waiting: [] })
    const synced = Promise.resolve().then(() => this.relist(path))
    return {
      synced,
      problem: undefined,
      get: (name) => store.get(name) as T | undefined,
      list: () => store.list() as readonly T[],
    }
  }

  /** What the process has been told of a collection. */
  told(path: string): readonly KubeObject[] {
    return this.#followed.get(path)?.store.list() ?? []
  }

  paths(): readonly string[] {
    return [...this.#followed.keys()]
  }

  /** Tells nothing until it is told to catch up, or begins anew. */
  stall(path: string): void {
    this.#late.add(path)
  }

  /** What came meanwhile is told in order, though of one object before that of another. */
  catchUp(path: string): void {
    this.#late.delete(path)
    const waiting = this.#followed.get(path)?.waiting.splice(0) ?? []
    const byObject = Map.groupBy(waiting, ({ object }) => object.metadata.name)
    for (const change of [...byObject.values()].toReversed().flat()) this.#tell(change)
  }

  /** What came meanwhile is lost, and the whole is read again. */
  relist(path: string): void {
    this.#late.delete(path)
    const followed = this.#followed.get(path)
    if (followed === undefined) return
    followed.waiting.length = 0
    followed.emit(followed.store.replace(this.#cluster.list(path)))
  }

  /** Tells once more what was told last. */
  repeat(): void {
    for (const change of this.#last.splice(0)) {
      const { store } = this.#followed.get(change.path) ?? {}
      // An earlier state never follows a later one.
      const held = store?.list().find(({ metadata }) => metadata.name === change.object.metadata.name)
      const isLast =
        change.type === 'remove'
          ? held === undefined
          : held !== undefined && isSameVersion(held.metadata, change.object.metadata)
      if (isLast) this.#tell(change)
    }
  }

  close(): void {
    this.#isDead = true
    this.#cluster.listeners.delete(this.#listener)
  }

  #take(change: Change): void {
    const followed = this.#followed.get(change.path)
    if (followed === undefined) return
    followed.waiting.push(change)
    if (this.#late.has(change.path)) return
    queueMicrotask(() => {
      if (this.#late.has(change.path)) return
      for (const next of followed.waiting.splice(0)) this.#tell(next)
    })
  }

  #tell(change: Change): void {
    if (this.#isDead) return
    const { path, type, object } = change
    const followed = this.#followed.get(path)
    if (followed === undefined) return
    this.#last = [change, ...this.#last].slice(0, 5)
    followed.emit(type === 'put' ? followed.store.put(object) : followed.store.remove(object))
  }
}

function isSameVersion(a: KubeObject['metadata'], b: KubeObject['metadata']): boolean {
  return a.uid === b.uid && a.resourceVersion === b.resourceVersion
}
