import t from 'tap'
import { createTapReader, readTap, type FinishedFile } from './tap-report.ts'

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

t.test('tells of each file as it ends, with what failed in it', async (t) => {
  const files: FinishedFile[] = []
  const reader = createTapReader((file) => files.push(file))
  reader.write(
    tap(
      '# Subtest: a.test.ts',
      '    ok 1 - first',
      '    1..1',
      'ok 1 - a.test.ts # time=12345.678ms',
      '# Subtest: b.test.ts',
      '    not ok 1 - wrong',
      '    1..1',
      'not ok 2 - b.test.ts',
      '# Subtest: c.test.ts',
      '    ok 1 - first',
    ),
  )
  t.same(files, [
    { name: 'a.test.ts', ok: true, failures: [], seconds: 12 },
    { name: 'b.test.ts', ok: false, failures: ['b.test.ts > wrong'] },
  ])
})

t.test(
  'of a run that was interrupted what is known by then counts, and what was not finished is no failure',
  async (t) => {
    const reader = createTapReader()
    reader.write(
      tap('# Subtest: a.test.ts', '    ok 1 - first', '    1..1', 'ok 1 - a.test.ts', '# Subtest: b.test.ts'),
    )
    t.same(reader.soFar(), { passed: 1, failed: 0, failures: [], empty: [], told: [] })
  },
)

t.test('a file that ends outside of its tests fails, with what ended it', async (t) => {
  const lines = (name: string, ...comments: readonly string[]) => [
    `# Subtest: ${name}`,
    ...comments.map((comment) => `    # uncaught: ${comment}`),
    '    1..0 # no tests found',
    `not ok 1 - ${name}`,
  ]
  const { failed, failures } = readTap(
    tap(...lines('a.test.ts', 'Error: no', '    at b.ts:1:2'), ...lines('b.test.ts')),
  )
  t.equal(failed, 2)
  t.same(failures, ['a.test.ts\nError: no\n    at b.ts:1:2', 'b.test.ts'])
})

t.test('a file whose time was over after its last line is named', async (t) => {
  const late = tap('ok 1 - a.test.ts', 'not ok 2 - timeout!', '  ---', '  expired: b.test.ts', '  ...', '1..2')
  t.match(readTap(late).failures, [/^b\.test\.ts > timeout!\n/])
})
