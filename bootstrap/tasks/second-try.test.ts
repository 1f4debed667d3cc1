import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { joinParts, type Outcome } from './outcome.ts'
import { isWorthAnotherTry, joinTries, judges } from './second-try.ts'
import type { TestCounts } from './tap-report.ts'

const counts = (some: Partial<TestCounts> = {}): TestCounts => {
  const { failures = [] } = some
  return { passed: 10, failed: failures.length, empty: [], told: [], ...some, failures }
}
const well: Outcome = { counts: counts(), failed: [] }
const failing = (...files: readonly string[]): Outcome => ({
  counts: counts({ failures: files.map((file) => `${file} > one > equal`) }),
  failed: files,
})

t.test('three files at most are worth another try, in all tiers together', async (t) => {
  t.notOk(isWorthAnotherTry([well, well]))
  t.ok(isWorthAnotherTry([well, failing('a.test.ts')]))
  t.ok(isWorthAnotherTry([failing('a.test.ts', 'b.test.ts'), failing('c.e2e.ts')]))
  t.notOk(isWorthAnotherTry([failing('a.test.ts', 'b.test.ts'), failing('c.e2e.ts', 'd.e2e.ts')]))
})

t.test('what judges all that the run did is not tried again, for alone it would see nothing', async (t) => {
  t.ok(judges.length > 0)
  for (const file of judges) {
    t.ok(existsSync(join(import.meta.dirname, '../..', file)), file)
    t.notOk(isWorthAnotherTry([failing('a.test.ts'), failing(file)]))
  }
})

t.test('what passes the second time is told, and is no failure', async (t) => {
  const first = { ...failing('a.test.ts', 'b.test.ts') }
  const { counts, unsteady } = joinTries(first, failing('b.test.ts'))
  t.equal(counts.failed, 1)
  t.same(counts.failures, ['b.test.ts > one > equal'])
  t.same(unsteady, ['a.test.ts > one > equal'])
  t.equal(counts.passed, 20)
})

t.test('a test that asserted nothing for its file failed is judged by the second try', async (t) => {
  const hollow = ['a.test.ts > two > no assertion', 'c.test.ts > three > no assertion']
  const first = { counts: counts({ failures: ['a.test.ts > one > equal'], empty: hollow }), failed: ['a.test.ts'] }
  t.same(joinTries(first, well).counts.empty, ['c.test.ts > three > no assertion'])
})

t.test('what failed and is of no file stays a failure', async (t) => {
  const first = {
    counts: counts({ failures: ['a.test.ts > one > equal', 'the run ended before its tests did'] }),
    failed: ['a.test.ts'],
  }
  const { counts: both } = joinTries(first, well)
  t.same([both.failed, both.failures], [1, ['the run ended before its tests did']])
})

t.test('two parts of a tier are one outcome', async (t) => {
  const { counts: both, failed } = joinParts(failing('a.e2e.ts'), failing('b.e2e.ts'))
  t.match(both, { passed: 20, failed: 2, failures: ['a.e2e.ts > one > equal', 'b.e2e.ts > one > equal'] })
  t.same(failed, ['a.e2e.ts', 'b.e2e.ts'])
})
