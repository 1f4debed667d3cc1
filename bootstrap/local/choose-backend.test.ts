import t from 'tap'
import { replay } from '../azure/recordings/replay.ts'
import type { Recording } from '../azure/recordings/recording.ts'
import type { Runner } from '../calls/call.ts'
import { processRunner } from '../calls/process-runner.ts'
import { chooseBackend, type ChoiceOptions } from './choose-backend.ts'
import { clientAlone, dockerInfo, dockerVersion, kindVersion, notAllowed } from './kind/recordings.ts'

const asRoot = 'sudo env "PATH=$PATH" npm run demo'

function choose(recordings: readonly Recording[], options: Partial<ChoiceOptions> = {}) {
  const { run } = replay(recordings, { paths: {}, subscription: 'none' })
  return chooseBackend({ run, isRoot: true, asRoot, ...options })
}

const all = [dockerVersion(), dockerInfo(), kindVersion()]

t.test('kind is chosen where an engine answers and kind is there, without root too', async (t) => {
  const { backend, why } = await choose(all, { isRoot: false })
  t.equal(backend.name, 'kind')
  t.equal(
    why,
    'cluster by kind: Docker 28.5.2 answers, and kind 0.32.0 is there (--backend native takes this machine itself)',
  )
  t.equal((await choose(all, { asked: 'kind' })).backend.name, 'kind')
})

const notPossible: Readonly<Record<string, readonly [recordings: readonly Recording[], why: string]>> = {
  'only a client answers': [
    [clientAlone],
    'no Docker engine answers (Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?)',
  ],
  'the engine does not let us': [[notAllowed], 'no Docker engine answers (permission denied while trying to connect'],
  'a client says nothing of an engine': [
    [{ command: 'docker version', stdout: '{"Client":{"Version":"5.4.2","Os":"linux"}}' }],
    'no Docker engine answers, only a client is there',
  ],
  'the engine is of Windows': [[dockerVersion({ Os: 'windows' })], 'the Docker engine is of windows'],
  'the engine is too old': [[dockerVersion({ Version: '24.0.9' })], 'Docker 24.0.9 is older than 25.0.0'],
  'the engine is in a machine of its own': [
    [dockerVersion(), dockerInfo({ OperatingSystem: 'Docker Desktop' })],
    "addresses of this Docker engine's containers are not reached from here",
  ],
  'the engine is without root': [
    [dockerVersion(), dockerInfo({ SecurityOptions: ['name=seccomp,profile=builtin', 'name=rootless'] })],
    "addresses of this Docker engine's containers are not reached from here",
  ],
  'kind is too old': [[dockerVersion(), dockerInfo(), kindVersion('v0.31.0')], 'kind 0.31.0 is older than 0.32.0'],
  'kind tells no version': [
    [dockerVersion(), dockerInfo(), { command: 'kind version', stdout: 'unknown' }],
    'kind does not tell its version: unknown',
  ],
}

for (const [when, [recordings, reason]] of Object.entries(notPossible)) {
  t.test(`where ${when}, this machine itself is taken, and --backend kind refused`, async (t) => {
    const { backend, why } = await choose(recordings)
    t.equal(backend.name, 'native')
    t.match(why, `cluster on this machine itself: kind is not used, for ${reason}`)
    await t.rejects(choose(recordings, { asked: 'kind' }), {
      name: 'Problem',
      message: new RegExp(`^--backend kind: ${RegExp.escape(reason)}[^]*\\n  To mend: \\S+`),
    })
    await t.rejects(choose(recordings, { isRoot: false }), {
      message: new RegExp(`${RegExp.escape(reason)}[^]*needs root for that\\n  To mend: sudo env`),
    })
  })
}

t.test('where docker or kind is not on PATH, that is the reason', async (t) => {
  const { run: recorded } = replay(all, { paths: {}, subscription: 'none' })
  const without = (missing: string): Runner => {
    const real = processRunner(new AbortController().signal, { [missing]: `/nowhere/${missing}` })
    return (call) => (call.program === missing ? real(call) : recorded(call))
  }
  for (const missing of ['docker', 'kind']) {
    const { backend, why } = await choose([], { run: without(missing) })
    t.equal(backend.name, 'native')
    t.match(why, new RegExp(`for (/nowhere/)?${missing} is not on PATH`))
  }
})

t.test('an engine that hangs is not waited for', async (t) => {
  const run = processRunner(AbortSignal.timeout(100), { docker: 'sleep' })
  const { backend, why } = await choose([], { run: (call) => run({ ...call, args: ['60'] }) })
  t.equal(backend.name, 'native')
  t.match(why, 'Docker or kind did not answer in time')
})

t.test('this machine itself, asked for, is taken without asking Docker, and needs root', async (t) => {
  const { backend, why } = await choose([], { asked: 'native' })
  t.equal(backend.name, 'native')
  t.equal(why, 'cluster on this machine itself: as asked for')
  await t.rejects(choose([], { asked: 'native', isRoot: false }), /needs root for that\n {2}To mend: sudo env/)
})

t.test('a failure that is none of a program is not taken for an answer', async (t) => {
  const run: Runner = async () => Promise.reject(new TypeError('a mistake of ours'))
  await t.rejects(choose([], { run }), TypeError)
})
