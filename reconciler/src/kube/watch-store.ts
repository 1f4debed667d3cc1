/** What a watch knows of its objects, kept right through lists, repeated events and events out of order. */
import type { KubeObject, WatchEvent } from './ports.ts'

export interface WatchStore<T> {
  get(key: string): T | undefined
  list(): readonly T[]
  /** Takes a complete list; answers what has changed by it. */
  replace(objects: readonly T[]): ReadonlyArray<WatchEvent<T>>
  put(object: T): ReadonlyArray<WatchEvent<T>>
  remove(object: T): ReadonlyArray<WatchEvent<T>>
}

// An object may come back under its uid, with the label that is selected by, but never in a version that it had before:
// so many last versions are remembered that a repeated event cannot raise its object again.
const maxTombstones = 1_000

export function createWatchStore<T extends KubeObject>(): WatchStore<T> {
  const objects = new Map<string, T>()
  const tombstones = new Set<string>()

  function forget(key: string, last: T): WatchEvent<T> {
    for (const object of [objects.get(key), last]) {
      if (object !== undefined) tombstones.add(versionOf(object))
    }
    objects.delete(key)
    for (const oldest of tombstones) {
      if (tombstones.size <= maxTombstones) break
      tombstones.delete(oldest)
    }
    return { type: 'deleted', object: last }
  }

  function put(object: T): ReadonlyArray<WatchEvent<T>> {
    const version = versionOf(object)
    const key = keyOf(object)
    const before = objects.get(key)
    if (tombstones.has(version) || (before !== undefined && versionOf(before) === version)) return []
    const gone = before !== undefined && before.metadata.uid !== object.metadata.uid ? [forget(key, before)] : []
    objects.set(key, object)
    const type = before === undefined || gone.length > 0 ? 'added' : 'modified'
    return [...gone, { type, object }]
  }

  return {
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    replace(listed) {
      const held = new Set(listed.map(keyOf))
      const gone = [...objects].filter(([key]) => !held.has(key)).map(([key, object]) => forget(key, object))
      // A list is the truth, and no event from before it can follow.
      tombstones.clear()
      return [...gone, ...listed.flatMap(put), { type: 'synced' }]
    },
    put,
    remove(object) {
      const key = keyOf(object)
      return objects.get(key)?.metadata.uid === object.metadata.uid ? [forget(key, object)] : []
    },
  }
}

/** By which a watch holds an object: `NAMESPACE/NAME`, or the name alone. */
export function keyOf({ metadata: { namespace, name } }: KubeObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

function versionOf({ metadata: { uid, resourceVersion } }: KubeObject): string {
  return `${uid}@${resourceVersion}`
}
