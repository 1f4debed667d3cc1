import * as fc from 'fast-check'
import t from 'tap'
import { SortedList } from './sorted-list.ts'

const byValue = (a: number, b: number): number => a - b

t.test('whatever is inserted and removed, the items are those of a sorted set', async (t) => {
  const operations = fc.array(fc.record({ insert: fc.boolean(), item: fc.integer({ min: 0, max: 30 }) }))
  fc.assert(
    fc.property(operations, fc.integer({ min: -1, max: 31 }), (operations, pivot) => {
      const list = new SortedList(byValue)
      const set = new Set<number>()
      for (const { insert, item } of operations) {
        if (insert && !set.has(item)) list.insert(item)
        if (!insert) list.remove(item)
        if (insert) set.add(item)
        else set.delete(item)
      }
      const sorted = [...set].sort(byValue)
      const expected = [sorted, sorted.filter((item) => item > pivot), sorted.filter((item) => item < pivot).reverse()]
      const actual = [[...list.ascending()], [...list.ascending(pivot)], [...list.descending(pivot)]]
      return JSON.stringify(actual) === JSON.stringify(expected) && list.size === set.size
    }),
  )
  t.same([...filled([2, 3, 1]).descending()], [3, 2, 1])
})

function filled(items: readonly number[]): SortedList<number> {
  const list = new SortedList(byValue)
  for (const item of items) list.insert(item)
  return list
}
