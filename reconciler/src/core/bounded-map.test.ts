import t from 'tap'
import { BoundedMap } from './bounded-map.ts'

t.test('the entry that was used longest ago is forgotten first', (t) => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  t.equal(map.get('a'), 1)
  map.set('c', 3)
  t.equal(map.get('b'), undefined)
  t.equal(map.get('a'), 1)
  t.equal(map.get('c'), 3)
  t.equal(map.size, 2)
  t.end()
})

t.test('an entry that is set again is not counted twice', (t) => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('a', 2)
  map.set('b', 3)
  t.equal(map.get('a'), 2)
  map.delete('a')
  t.equal(map.get('a'), undefined)
  map.clear()
  t.equal(map.size, 0)
  t.end()
})
