import t from 'tap'
import { readTap } from './tap-report.ts'

function tap(...lines: readonly string[]): string {
  return ['TAP version 14', ...lines, ''].join('\n')
}

t.test('counts the assertions of nested tests', async (t) => {
  const text = tap(
    '# Subtest: a.test.ts',
    '    # Subtest: one',
    '        ok 1 - first',
    '        ok 2 - second',
    '        1..2',
    '    ok 1 - one',
    '    1..1',
    'ok 1 - a.test.ts',
    '1..1',
  )
  t.same(readTap(text), { passed: 2, failed: 0, failures: [], empty: [], told: [] })
})

t.test('names a test that asserts nothing, though tap lets it pass', async (t) => {
  const text = tap(
    '# Subtest: a.test.ts',
    '    # Subtest: hollow',
    '        1..0',
    '    ok 1 - hollow',
    '    1..1',
    'ok 1 - a.test.ts',
    '1..1',
  )
  t.same(readTap(text).empty, ['a.test.ts > hollow > no assertion'])
})

t.test('refuses a skipped and an unfinished test', async (t) => {
  const text = tap('ok 1 - later # SKIP not now', 'not ok 2 - some day # TODO write', '1..2')
  t.equal(readTap(text).empty.length, 2)
})

t.test('counts a failed assertion, and a stream that ends early', async (t) => {
  t.equal(readTap(tap('not ok 1 - wrong', '1..1')).failed, 1)
  t.ok(readTap(tap('ok 1 - right', '1..2')).failed > 0)
})

t.test('names what failed by its whole path, with what tap found', async (t) => {
  const text = tap(
    '# Subtest: a.test.ts',
    '    # Subtest: one',
    '        not ok 1 - equal',
    '          ---',
    '          found: 3',
    '          wanted: 4',
    '          ...',
    '        1..1',
    '    not ok 1 - one',
    '    1..1',
    'not ok 1 - a.test.ts',
    '1..1',
  )
  t.match(readTap(text).failures, [/^a\.test\.ts > one > equal\n.*found: 3.*wanted: 4/s])
})

t.test('hands on what a test tells, and no other comment', async (t) => {
  const text = tap(
    '# Subtest: a.test.ts',
    '    # told: killed at 30 points',
    '    # time=12.5ms',
    '    ok 1 - one',
    '    1..1',
    'ok 1 - a.test.ts',
    '1..1',
  )
  t.same(readTap(text).told, ['killed at 30 points'])
})
