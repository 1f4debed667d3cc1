import type { InventoryEntry } from '../api/delivery.ts'
import type { ObjectReference } from '../api/object.ts'

/** What a release holds, against what stands in status: what is not of it any more is stale, and pruned once it runs. */
export function mergeInventory(
  before: readonly InventoryEntry[],
  release: readonly InventoryEntry[],
): InventoryEntry[] {
  const held = new Set(release.map(entryKey))
  const known = new Map(before.map((entry) => [entryKey(entry), entry]))
  const left = before.filter((entry) => !held.has(entryKey(entry)))
  return [
    ...release.map((entry) => learn(known.get(entryKey(entry)), entry)),
    ...left.map((entry) => ({ ...entry, stale: true })),
  ]
}

/** Of the newest release. */
export function currentEntries(inventory: readonly InventoryEntry[]): InventoryEntry[] {
  return inventory.filter(({ stale }) => stale !== true)
}

/** Of an older release. */
export function staleEntries(inventory: readonly InventoryEntry[]): InventoryEntry[] {
  return inventory.filter((entry) => entry.stale === true)
}

/** What is left once all is deleted that may be: of the newest release, and what a failed one took over and gave back. */
export function keptEntries(inventory: readonly InventoryEntry[]): InventoryEntry[] {
  return inventory.filter(({ stale, adopted }) => stale !== true || adopted === true)
}

/** A release is ready: what it took over is its own, and what others took over before is nobody's any more. */
export function settleAdoption(inventory: readonly InventoryEntry[]): InventoryEntry[] {
  return inventory
    .filter(({ stale, adopted }) => stale !== true || adopted !== true)
    .map((entry) => {
      const { adopted: _, ...own } = entry
      return own
    })
}

/** Puts what was learnt of some entries in their place; the others stay. */
export function updateEntries(
  inventory: readonly InventoryEntry[],
  entries: readonly InventoryEntry[],
): InventoryEntry[] {
  const learnt = new Map(entries.map((entry) => [entryKey(entry), entry]))
  return inventory.map((entry) => {
    const { corrections } = entry
    const found = learnt.get(entryKey(entry))
    return found === undefined ? entry : { ...(corrections !== undefined && { corrections }), ...found }
  })
}

export function referenceOf(entry: InventoryEntry, namespace: string): ObjectReference {
  return { apiVersion: entry.apiVersion, kind: entry.kind, namespace, name: entry.name }
}

/** The same for every version of a group, for those are views of one object. */
export function entryKey({ apiVersion, kind, name }: Pick<InventoryEntry, 'apiVersion' | 'kind' | 'name'>): string {
  const slash = apiVersion.indexOf('/')
  return `${slash < 0 ? '' : apiVersion.slice(0, slash)}/${kind}/${name}`
}

/** Before it is written what was known of an object still holds; once it is, its number of replicas may be nobody's. */
function learn(known: InventoryEntry | undefined, entry: InventoryEntry): InventoryEntry {
  if (known === undefined) return entry
  const { stale: _, replicas, ...rest } = known
  const isWritten = entry.hash !== undefined
  return { ...rest, ...(!isWritten && replicas !== undefined && { replicas }), ...entry }
}
