import t from 'tap'
import type { InventoryEntry } from '../api/delivery.ts'
import { currentEntries, mergeInventory, staleEntries, updateEntries } from './inventory.ts'

t.test('what the release no longer holds is stale, what it holds is not', async (t) => {
  const merged = mergeInventory([entry('a'), entry('b')], [entry('b'), entry('c')])

  t.same(names(currentEntries(merged)), ['b', 'c'])
  t.same(names(staleEntries(merged)), ['a'])
})

t.test('an object that comes back into the release is not stale any more', async (t) => {
  const merged = mergeInventory([entry('a', { stale: true, hash: 'h', uid: 'u' })], [entry('a')])

  t.same(merged, [entry('a', { hash: 'h', uid: 'u' })])
})

t.test('what is known of an object stays until it is written anew', async (t) => {
  const before = [entry('a', { hash: 'old', uid: 'u' })]

  t.same(mergeInventory(before, [entry('a')]), before)
  t.same(mergeInventory(before, [entry('a', { hash: 'new' })]), [entry('a', { hash: 'new', uid: 'u' })])
})

t.test('a number of replicas is known until the object is written without one', async (t) => {
  const before = [entry('a', { hash: 'old', replicas: 3 })]

  t.same(mergeInventory(before, [entry('a')]), before)
  t.same(mergeInventory(before, [entry('a', { hash: 'new' })]), [entry('a', { hash: 'new' })])
  t.same(mergeInventory(before, [entry('a', { hash: 'new', replicas: 4 })]), [entry('a', { hash: 'new', replicas: 4 })])
})

t.test('an object is the same under another version of its group', async (t) => {
  const before = [entry('a', { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler' })]
  const now = [entry('a', { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' })]

  t.same(mergeInventory(before, now), now)
})

t.test('an object of another group with the same kind and name is another', async (t) => {
  const merged = mergeInventory([entry('a', { apiVersion: 'x.io/v1' })], [entry('a', { apiVersion: 'y.io/v1' })])

  t.equal(merged.length, 2)
})

t.test('an update changes only what it names', async (t) => {
  t.same(updateEntries([entry('a'), entry('b')], [entry('b', { hash: 'h' }), entry('z')]), [
    entry('a'),
    entry('b', { hash: 'h' }),
  ])
})

function entry(name: string, fields: Partial<InventoryEntry> = {}): InventoryEntry {
  return { apiVersion: 'v1', kind: 'ConfigMap', name, ...fields }
}

function names(entries: readonly InventoryEntry[]): readonly string[] {
  return entries.map(({ name }) => name)
}
