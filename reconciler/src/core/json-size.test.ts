import * as fc from 'fast-check'
import t from 'tap'
import { jsonSize } from './json-size.ts'

t.test('it is the size of the JSON, to the byte', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      return jsonSize(value, Number.POSITIVE_INFINITY) === Buffer.byteLength(JSON.stringify(value))
    }),
  )
  t.equal(
    jsonSize({ a: 'ü\n"', b: [true, null, {}, []] }, 100),
    Buffer.byteLength('{"a":"ü\\n\\"","b":[true,null,{},[]]}'),
  )
  t.end()
})

t.test('below the bound it is exact, and above it is above it', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat({ max: 4 }), (value, less) => {
      const bytes = Buffer.byteLength(JSON.stringify(value))
      const counted = jsonSize(value, bytes - less)
      return less === 0 ? counted === bytes : counted > bytes - less
    }),
  )
  t.pass('held for every generated value and bound')
  t.end()
})

t.test('what is shared counts wherever it stands, and is not gone through again beyond the bound', (t) => {
  let value: unknown = 'x'
  // 2^60 of them, as JSON.
  for (let n = 0; n < 60; n += 1) value = [value, value]
  t.ok(jsonSize(value, 10_000) > 10_000)
  t.end()
})
