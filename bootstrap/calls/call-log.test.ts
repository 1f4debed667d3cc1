import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { CommandFailed } from '../local/run.ts'
import { commandLine, type Call } from './call.ts'
import { logCalls, readCallLog } from './call-log.ts'
import { maskSecrets } from './mask.ts'
import { processRunner } from './process-runner.ts'

const token = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl'

t.test('each call is logged with its answer, without secrets, for its owner alone', async (t) => {
  const file = join(t.testdir(), 'logs', 'calls.jsonl')
  const real = processRunner(new AbortController().signal, { az: 'sh' })
  const run = logCalls(real, { file, mask: maskSecrets() })
  const answered = await run({ program: 'az', args: ['-c', `echo ${token}`] })
  t.equal(answered.stdout, token, 'who asked has the answer as it is')
  await run({ program: 'az', args: ['-c', 'echo quite secret'], isSecret: true })
  const failure = await run({ program: 'az', args: ['-c', `echo ${token} >&2; exit 3`] }).catch(
    (error: unknown) => error,
  )
  t.type(failure, CommandFailed)
  t.notMatch(String(failure), 'eyJ')
  t.match(failure, { exitCode: 3, stderr: '***' })

  const lines = await readCallLog(file)
  t.match(lines, [
    { command: `az -c 'echo ***'`, exitCode: 0, stdout: '***' },
    { exitCode: 0, stdout: '(12 characters)' },
    { exitCode: 3, stderr: '***' },
  ])
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.ok(lines.every(({ at, ms }) => !Number.isNaN(Date.parse(at)) && ms >= 0))
})

t.test('input is neither printed nor logged', async (t) => {
  const file = join(t.testdir(), 'calls.jsonl')
  const run = logCalls(processRunner(new AbortController().signal, { az: 'sh' }), { file, mask: maskSecrets() })
  const call: Call = { program: 'az', args: ['-c', 'wc -c'], input: 'a secret by stdin' }
  t.equal((await run(call)).stdout.trim(), '17')
  t.notMatch(JSON.stringify(await readCallLog(file)), 'by stdin')
  t.equal(commandLine(call), `az -c 'wc -c'`)
})
