import * as fc from 'fast-check'
import t from 'tap'
import { cidrProblem, contains, overlaps, parseAddress, parseCidr } from './cidr.ts'

const block = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
  .map(([address, prefix]) => {
    const first = address - (address % 2 ** (32 - prefix))
    const text = [24, 16, 8, 0].map((bits) => Math.floor(first / 2 ** bits) % 256).join('.')
    return parseCidr(`${text}/${prefix}`)
  })

t.test('a block spans from its network address to its broadcast address', async (t) => {
  t.match(parseCidr('10.0.0.0/16'), { first: 0x0a000000, last: 0x0a00ffff, prefix: 16 })
  t.match(parseCidr('0.0.0.0/0'), { first: 0, last: 2 ** 32 - 1 })
  t.match(parseCidr('203.0.113.7/32'), { first: 0xcb007107, last: 0xcb007107 })
})

t.test('what is no block is refused and told why', async (t) => {
  t.equal(cidrProblem('10.1.2.3/16'), "'10.1.2.3/16' is not the start of its block, which is 10.1.0.0/16")
  for (const text of [
    '',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.256/24',
    '10.0.0/24',
    'fd00::/8',
    '10.0.0.0/-1',
    '1.2.3.4/',
  ]) {
    t.match(cidrProblem(text), /is not an IPv4 block/, text)
    t.throws(() => parseCidr(text), RangeError, text)
  }
})

t.test('an address of four bytes is read, anything else is none', async (t) => {
  t.equal(parseAddress('255.255.255.255'), 2 ** 32 - 1)
  for (const text of ['', '1.2.3', '1.2.3.256', '1.2.3.4.5', 'a.b.c.d']) t.equal(parseAddress(text), undefined, text)
})

t.test('two blocks overlap exactly where one contains the other', async (t) => {
  fc.assert(
    fc.property(block, block, (one, other) => overlaps(one, other) === (contains(one, other) || contains(other, one))),
  )
  fc.assert(fc.property(block, block, (one, other) => overlaps(one, other) === overlaps(other, one)))
  t.ok(overlaps(parseCidr('10.0.0.0/8'), parseCidr('10.255.255.0/24')))
  t.notOk(overlaps(parseCidr('10.0.0.0/24'), parseCidr('10.0.1.0/24')))
})
