import { join } from 'node:path'
import t from 'tap'
import { assertReportable, makeReport, type StepResult } from './report.ts'

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

t.test('where no report can be written is told before the story, not after it', async (t) => {
  const folder = t.testdir({ file: '' })
  await assertReportable(join(folder, 'new.json'))
  await assertReportable(join(folder, 'file'))
  await t.rejects(assertReportable(folder), { message: `No report can be written to ${folder}: it is a folder.` })
  const lost = join(folder, 'nowhere', 'report.json')
  await t.rejects(assertReportable(lost), { message: `No report can be written to ${lost}: its folder is not there.` })
  const below = join(folder, 'file', 'report.json')
  await t.rejects(assertReportable(below), {
    message: `No report can be written to ${below}: its folder is not there.`,
  })
  await t.rejects(assertReportable(''), { message: 'No report can be written to : give --report a file.' })
})
