import t from 'tap'
import { formatSpread, formatTable, spreadOf } from './figures-table.ts'

const spreads: Readonly<Record<string, readonly [readonly number[], ReturnType<typeof spreadOf>]>> = {
  'one value is all three': [[7], { min: 7, median: 7, max: 7 }],
  'an odd number has its middle': [[9, 1, 5], { min: 1, median: 5, max: 9 }],
  'an even number has the mean of its two middles': [[10, 2, 4, 100], { min: 2, median: 7, max: 100 }],
  'numbers are ordered as numbers': [[100, 20, 3], { min: 3, median: 20, max: 100 }],
}

for (const [what, [values, expected]] of Object.entries(spreads)) {
  t.test(what, async (t) => t.same(spreadOf(values), expected))
}

t.test('nothing measured is an error, not a zero', async (t) => {
  t.throws(() => spreadOf([]), /nothing was measured/)
})

t.test('columns are as wide as their widest cell, to the right', async (t) => {
  const table = formatTable(
    ['tags', 'ms'],
    [
      [10, '1 / 2 / 3'],
      [10_000, 4],
    ],
  )
  t.same(table.split('\n'), [' tags          ms', '   10   1 / 2 / 3', '10000           4'])
  t.equal(formatSpread({ min: 1, median: 2, max: 3 }), '1 / 2 / 3')
})
