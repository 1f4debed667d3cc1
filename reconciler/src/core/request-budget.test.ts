import * as fc from 'fast-check'
import t from 'tap'
import { fullBudget, pauseUntil, spend, type BudgetLimits, type RequestBudget } from './request-budget.ts'

const limits: BudgetLimits = { perMinute: 60, burst: 3 }

function spendAll(budget: RequestBudget, nowMs: number): { granted: number; waitMs: number; budget: RequestBudget } {
  for (let granted = 0; ; granted += 1) {
    const step = spend(budget, limits, nowMs)
    if (step.kind === 'wait') return { granted, waitMs: step.waitMs, budget }
    budget = step.budget
  }
}

t.test('a full bucket grants its burst, then one request a second', (t) => {
  const first = spendAll(fullBudget, 0)
  t.match(first, { granted: 3, waitMs: 1000 })
  t.match(spendAll(first.budget, 999), { granted: 0, waitMs: 1 })
  t.match(spendAll(first.budget, 1000), { granted: 1, waitMs: 1000 })
  t.end()
})

t.test('a quiet hour saves up no more than the burst', (t) => {
  t.equal(spendAll(fullBudget, 3_600_000).granted, 3)
  t.end()
})

t.test('a pause lets nothing out until it ends, and then no burst', (t) => {
  const paused = pauseUntil(fullBudget, limits, 30_000)
  t.match(spendAll(paused, 0), { granted: 0, waitMs: 30_000 })
  t.match(spendAll(paused, 29_999), { granted: 0, waitMs: 1 })
  t.match(spendAll(paused, 30_000), { granted: 1, waitMs: 1000 })
  t.end()
})

t.test('a shorter pause does not end a longer one', (t) => {
  const paused = pauseUntil(pauseUntil(fullBudget, limits, 30_000), limits, 10_000)
  t.match(spend(paused, limits, 10_000), { kind: 'wait', waitMs: 20_000 })
  t.end()
})

t.test('a pause in the past takes nothing away', (t) => {
  const spent = spendAll(fullBudget, 0).budget
  t.equal(spendAll(pauseUntil(spent, limits, 0), 3000).granted, 3)
  t.end()
})

t.test('over any stretch of time, no more than burst + rate × time is granted', (t) => {
  const steps = fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (gaps) => {
      let budget = fullBudget
      let nowMs = 0
      let granted = 0
      for (const gap of gaps) {
        nowMs += gap
        const result = spendAll(budget, nowMs)
        budget = result.budget
        granted += result.granted
      }
      return granted <= limits.burst + (nowMs * limits.perMinute) / 60_000
    }),
  )
  t.pass('held for every generated history')
  t.end()
})

t.test('whoever waits as long as was said is granted', (t) => {
  const histories = fc.array(fc.tuple(fc.integer({ min: 0, max: 3_000 }), fc.boolean()), { maxLength: 40 })
  fc.assert(
    fc.property(histories, fc.double({ min: 0, max: 5_000, noNaN: true }), (history, pauseMs) => {
      let budget = fullBudget
      let nowMs = 0
      for (const [gap, isPaused] of history) {
        nowMs += gap
        if (isPaused) budget = pauseUntil(budget, limits, nowMs + pauseMs)
        const step = spend(budget, limits, nowMs)
        if (step.kind === 'granted') budget = step.budget
        else if (spend(budget, limits, nowMs + step.waitMs).kind === 'wait') return false
      }
      return true
    }),
  )
  t.pass('held for every generated history')
  t.end()
})
