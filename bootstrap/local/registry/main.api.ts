import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { identityOf, isRunning } from '../process.ts'
import { ensureTools } from '../tools.ts'
import { waitFor } from '../wait.ts'
import { connectRegistryAdmin } from './control/admin-client.ts'
import { temporaryDir, testIds } from './testing.ts'

t.setTimeout(300_000)

const program = join(import.meta.dirname, 'main.ts')
/** On a busy machine the start of a process alone takes many seconds. */
const patienceMs = 120_000

t.test('the registry as a process', async (t) => {
  const { distribution } = await ensureTools(['distribution'], { onStep: (step) => t.comment(step) })
  const dir = await temporaryDir(t)
  const socket = join(dir, 'admin.sock')
  const configFile = join(dir, 'registry.json')
  await writeFile(
    configFile,
    JSON.stringify({
      hosts: { registry: 'registry.windlass.test', blobs: 'blobs.windlass.test', entra: 'login.windlass.test' },
      admin: { socket },
      stateDir: join(dir, 'state'),
      distribution: { binary: distribution, directory: join(dir, 'distribution') },
      entra: { tenantId: testIds.tenantId, issuers: [] },
      identities: [],
    }),
  )
  const admin = connectRegistryAdmin({ socket })
  t.teardown(() => admin.close())

  for (const [signal, leaves] of [
    ['SIGTERM', 'ends well'],
    ['SIGKILL', 'is killed'],
  ] as const) {
    t.test(`that ${leaves} leaves no distribution behind, and can be started again`, async (t) => {
      const running = start(t, configFile)
      await waitFor(
        async () => (await admin.isReady()) || undefined,
        () => `the registry was to answer on ${socket}; it ${running.howItIs()}`,
        { timeoutMs: patienceMs },
      )
      const child = await identityOf(await childOf(running.pid))
      t.ok(child && (await isRunning(child)))
      process.kill(running.pid, signal)
      t.equal(await running.ended, signal === 'SIGKILL' ? 'SIGKILL' : 0)
      await waitFor(
        async () => (child && (await isRunning(child)) ? undefined : true),
        () => `the distribution was to end with the registry; its process ${child?.pid} still runs`,
        { timeoutMs: patienceMs },
      )
    })
  }

  t.test('says all that is wrong with its configuration, and ends with 1', async (t) => {
    const bad = join(dir, 'bad.json')
    await writeFile(
      bad,
      JSON.stringify({ ...(JSON.parse(await readFile(configFile, 'utf8')) as object), stateDir: 1, x: 2 }),
    )
    const running = start(t, bad)
    t.equal(await running.ended, 1)
    t.match(running.stderr(), /stateDir must be string/)
    t.match(running.stderr(), /additional properties: x/)
    const missing = start(t)
    t.equal(await missing.ended, 1)
    t.match(missing.stderr(), /--config FILE\.json is missing/)
  })
})

function start(t: Parameters<typeof temporaryDir>[0], configFile?: string) {
  const child = spawn(process.execPath, [program, ...(configFile ? ['--config', configFile] : [])], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', (part: Buffer) => (stderr += part.toString()))
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  const howItIs = (): string => {
    const isOver = child.exitCode !== null || child.signalCode !== null
    const state = isOver ? `ended with ${child.exitCode ?? child.signalCode}` : 'still runs'
    return `${state} and wrote ${stderr.trim() === '' ? 'nothing' : stderr.trim()} to stderr`
  }
  return { pid: child.pid ?? 0, ended, stderr: () => stderr, howItIs }
}

/** The one child of a process. */
async function childOf(pid: number): Promise<number> {
  return Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim())
}
