import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { identityOf, isRunning, spawnDetached, stopProcess, tailOf } from './process.ts'
import { waitFor } from './wait.ts'

t.test('a process is known by number, start time and boot, not by its number alone', async (t) => {
  const spawned = await spawnDetached('sleep', ['600'], { logFile: join(t.testdir(), 'log') })
  t.teardown(() => stopProcess(spawned, 0))
  t.ok(await isRunning(spawned))
  t.same(await identityOf(spawned.pid), {
    pid: spawned.pid,
    startTicks: spawned.startTicks,
    bootId: spawned.bootId,
  })
  t.notOk(await isRunning({ ...spawned, startTicks: spawned.startTicks - 1 }), 'its number given to another')
  t.notOk(await isRunning({ ...spawned, bootId: 'of another boot' }))

  await stopProcess({ ...spawned, startTicks: spawned.startTicks - 1 }, 0)
  t.ok(await isRunning(spawned), 'a process that is not the recorded one is not ended')
})

t.test('output is appended to the log, and an early end is told', async (t) => {
  const logFile = join(t.testdir({ log: 'before\n' }), 'log')
  const spawned = await spawnDetached('sh', ['-c', 'echo out; echo err >&2; exit 3'], { logFile })
  const end = await waitFor(
    async () => spawned.exit(),
    () => 'its end',
    { timeoutMs: 5_000, everyMs: 10 },
  )
  t.equal(end, 'it ended with 3')
  t.equal(await readFile(logFile, 'utf8'), 'before\nout\nerr\n')
  t.equal(await tailOf(logFile, 1), 'err')
  t.notOk(await isRunning(spawned))
})

t.test('a process that does not heed the request to end is ended after the grace period', async (t) => {
  const logFile = join(t.testdir(), 'log')
  const stubborn = await spawnDetached(
    'sh',
    ['-c', 'trap "echo asked" TERM; echo ready; while :; do sleep 0.05; done'],
    {
      logFile,
    },
  )
  await waitFor(
    async () => (await readFile(logFile, 'utf8')).startsWith('ready') || undefined,
    () => 'it to be ready',
    { timeoutMs: 5_000, everyMs: 10 },
  )
  await stopProcess(stubborn, 300)
  t.notOk(await isRunning(stubborn))
  t.match(await readFile(logFile, 'utf8'), /asked/, 'it was asked first')
  await t.resolves(stopProcess(stubborn, 300), 'and may be stopped again')
})

t.test('a program that can’t be started is an error', async (t) => {
  await t.rejects(spawnDetached('/no/such/program', [], { logFile: join(t.testdir(), 'log') }), { code: 'ENOENT' })
})
