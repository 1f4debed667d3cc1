import t from 'tap'
import { makeReport, type StepResult } from './report.ts'

function step(name: string, ok = true): StepResult {
  return { name, ok, ms: 1, detail: '' }
}

t.test('a report is ok when every expected step is there and ok', async (t) => {
  t.equal(makeReport(['a', 'b'], [step('a'), step('b')], []).ok, true)
})

t.test('a report is not ok when a step failed, or never ran', async (t) => {
  t.equal(makeReport(['a', 'b'], [step('a'), step('b', false)], []).ok, false)
  t.equal(makeReport(['a', 'b'], [step('a')], []).ok, false)
  t.equal(makeReport(['a'], [], []).ok, false)
})
