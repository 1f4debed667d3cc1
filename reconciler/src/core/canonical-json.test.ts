import * as fc from 'fast-check'
import t from 'tap'
import { canonicalJson } from './canonical-json.ts'

t.test('the order of keys does not matter, that of elements does', (t) => {
  t.equal(canonicalJson({ b: [{ d: 1, c: 2 }], a: null }), '{"a":null,"b":[{"c":2,"d":1}]}')
  t.not(canonicalJson([1, 2]), canonicalJson([2, 1]))
  t.end()
})

t.test('it is JSON of the same value', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      t.strictSame(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)))
    }),
  )
  t.end()
})
