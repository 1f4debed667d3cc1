import t from 'tap'
import { isRunning, identityOf } from './process.ts'
import { CommandFailed, lastLines, run } from './run.ts'
import { waitFor } from './wait.ts'

t.test('output comes back apart and without the final newline', async (t) => {
  const result = await run('sh', ['-c', 'echo one; echo two; echo aside >&2'])
  t.same(result, { exitCode: 0, stdout: 'one\ntwo', stderr: 'aside' })
})

t.test('input, folder and environment reach the program', async (t) => {
  const dir = t.testdir()
  const { stdout } = await run('sh', ['-c', 'read line; echo "$line $WORD"; pwd'], {
    input: 'hello\n',
    env: { WORD: 'world' },
    cwd: dir,
  })
  t.equal(stdout, `hello world\n${dir}`)
})

t.test('lines are told as they come, and kept', async (t) => {
  const lines: string[] = []
  const { stdout } = await run('sh', ['-c', 'echo one; echo two'], { onLine: (line) => lines.push(line) })
  t.same([lines, stdout], [['one', 'two'], 'one\ntwo'])
})

t.test('a failure says what was run, how it ended and its last words', async (t) => {
  const failure = run('sh', ['-c', 'seq 1 30 >&2; exit 3'])
  await t.rejects(failure, { message: /^sh -c seq 1 30 >&2; exit 3 ended with 3:\n11\n/ })
  await failure.catch((error: unknown) => {
    t.ok(error instanceof CommandFailed && error.exitCode === 3 && error.stderr.startsWith('1\n2\n'))
  })
  await t.rejects(run('sh', ['-c', 'kill -KILL $$']), { message: /was ended by SIGKILL/ })
  await t.rejects(run('/no/such/program'), { message: /^\/no\/such\/program could not be run: .*ENOENT/ })
  t.same((await run('sh', ['-c', 'exit 4'], { accept: [4] })).exitCode, 4, 'but for a code that is an answer')
})

t.test('an abort ends the program with what it started, and rejects with the reason', async (t) => {
  const abort = new AbortController()
  const reason = new Error('enough')
  let grandchild = 0
  const running = run('sh', ['-c', 'sleep 600 & echo $!; wait'], {
    signal: abort.signal,
    onLine: (line) => {
      grandchild = Number(line)
      abort.abort(reason)
    },
  })
  await t.rejects(running, reason)
  const identity = await identityOf(grandchild)
  const gone = await waitFor(
    async () => (identity === undefined || !(await isRunning(identity)) ? 'gone' : undefined),
    () => `process ${grandchild} to end`,
    { timeoutMs: 5_000 },
  )
  t.equal(gone, 'gone')
  await t.rejects(run('true', [], { signal: abort.signal }), reason, 'nothing is started after an abort')
})

t.test('last lines are the last ones', (t) => {
  t.equal(lastLines('a\nb\nc\n', 2), 'b\nc')
  t.equal(lastLines('a', 2), 'a')
  t.end()
})
