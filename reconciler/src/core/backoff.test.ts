import * as fc from 'fast-check'
import t from 'tap'
import { backoffMs } from './backoff.ts'

t.test('doubles with each attempt until the cap', async (t) => {
  const waits = [1, 2, 3, 4, 5].map((attempt) => backoffMs({ attempt, baseMs: 100, capMs: 1000, random: 0 }))

  t.same(waits, [50, 100, 200, 400, 500])
})

t.test('an attempt below one waits like the first', async (t) => {
  t.equal(backoffMs({ attempt: 0, baseMs: 100, capMs: 1000, random: 0 }), 50)
})

t.test('stays between half of the step and the step, and never above the cap', async (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, random) => {
        const ms = backoffMs({ attempt, baseMs: 200, capMs: 60_000, random })
        const stepMs = Math.min(60_000, 200 * 2 ** (attempt - 1))
        return ms >= Math.floor(stepMs / 2) && ms <= stepMs
      },
    ),
  )
  t.pass('held for all drawn attempts')
})
