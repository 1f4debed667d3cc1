import * as fc from 'fast-check'
import t from 'tap'
import { formatDuration, parseDuration } from './duration.ts'

const cases: Record<string, [text: string, ms: number | undefined]> = {
  'reads seconds': ['30s', 30_000],
  'reads minutes': ['5m', 300_000],
  'reads all three units in order': ['1h30m5s', 5_405_000],
  'reads zero, which the caller may refuse': ['0s', 0],
  'refuses an empty text': ['', undefined],
  'refuses a number without a unit': ['90', undefined],
  'refuses units out of order': ['5s1m', undefined],
  'refuses fractions': ['1.5m', undefined],
  'refuses a sign': ['-5m', undefined],
  'refuses a number too great to be exact': ['99999999999999h', undefined],
}

for (const [sentence, [text, ms]] of Object.entries(cases)) {
  t.test(sentence, async (t) => t.equal(parseDuration(text), ms))
}

t.test('what is printed reads back as the same number of seconds', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000_000 }), (seconds) =>
      t.equal(parseDuration(formatDuration(seconds * 1000)), seconds * 1000),
    ),
    { numRuns: 50 },
  )
})

t.test('prints nothing left as 0s', async (t) => {
  t.equal(formatDuration(0), '0s')
  t.equal(formatDuration(-5000), '0s')
})
