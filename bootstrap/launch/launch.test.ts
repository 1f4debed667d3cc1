import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { waitFor } from '../local/wait.ts'

const bootstrap = dirname(import.meta.dirname)

t.test('what is typed wrong is refused with the usage, before anything is installed', async (t) => {
  const checkout = await makeCheckout(t)
  const refused = [
    ['nonsense', "There is no task 'nonsense'."],
    ['constructor', "There is no task 'constructor'."],
    ['check --nope', "There is no option '--nope' here.\nUsage: npm run check"],
    ['check file.ts', "'file.ts' is not what this takes.\nUsage: npm run check"],
    ['generate --check --nope', "There is no option '--nope' here.\nUsage: npm run generate"],
    ['test unit --nope', "There is no option '--nope' here.\nUsage: npm test"],
    ['image-context', 'Usage: npm run image-context'],
    ['test unit nosuchfile', 'There is no file nosuchfile.\nUsage: npm test'],
    ['demo --nonsense', "There is no option '--nonsense' here.\nUsage: npm run demo"],
    ['bench nosuch', "There is no benchmark 'nosuch'; there are: flood, poll.\n"],
    ['bench', 'Name a benchmark; there are: flood, poll.\nUsage: npm run bench'],
    ['bench poll-registry', "There is no benchmark 'poll-registry'"],
  ] as const
  for (const [typed, said] of refused) {
    const { exitCode, stderr } = await checkout.start(typed).ended
    t.equal(exitCode, 2, typed)
    t.match(stderr, said)
  }
  t.notOk(await checkout.isInstalled(), 'nothing was installed')
})

t.test('help is given without anything being installed', async (t) => {
  const checkout = await makeCheckout(t)
  const { exitCode, stderr } = await checkout.start('check --help').ended
  t.equal(exitCode, 0)
  t.equal(stderr, 'Usage: npm run check\n')
  t.match(await checkout.start('bench --help').ended, { exitCode: 0, stderr: /^Usage: npm run bench -- NAME/ })
  t.match(await checkout.start('demo --help').ended, { exitCode: 0, stderr: /--report FILE/ })
  t.notOk(await checkout.isInstalled())
})

t.test('that a task needs root is said before anything is installed, with what to type', async (t) => {
  const checkout = await makeCheckout(t)
  for (const typed of ['demo --once --backend native', 'cluster up --name other', 'bench flood --json']) {
    const { exitCode, stderr } = await checkout.start(typed, { isRoot: false }).ended
    t.equal(exitCode, 1)
    t.match(stderr, `sudo env "PATH=$PATH" node bootstrap/launch.mjs ${typed}`)
  }
  t.notOk(await checkout.isInstalled())
})

t.test('a command waits for the install of another, says so, and installs what is then missing', async (t) => {
  const checkout = await makeCheckout(t)
  const other = spawn('flock', ['-x', join(checkout.root, 'bootstrap'), 'sh', '-c', 'echo held; exec cat'])
  t.teardown(() => other.kill('SIGKILL'))
  await once(other.stdout, 'data')

  const waiting = checkout.start('check')
  await waiting.says(/Waiting for another install .*pid \d+ \(.*\)/)
  t.notOk(await checkout.isInstalled(), 'it waits')
  other.stdin.end()
  await waiting.says(/the task runs/)
  waiting.finish()
  t.equal((await waiting.ended).exitCode, 0)
})

t.test('packages are added beside a task that runs, and none of those that it uses is taken away', async (t) => {
  const checkout = await makeCheckout(t)
  const demo = checkout.start('image-context predictor')
  await demo.says(/the task runs/)
  t.notOk(await checkout.has('infra-only'), 'a local task does without the packages of infra/')
  await writeFile(join(checkout.root, 'node_modules', '.in-use'), '')

  const check = checkout.start('check')
  await check.says(/the task runs/)
  t.ok(await checkout.has('infra-only'), 'what was missing is there')
  t.ok(await checkout.has('.in-use'), 'what was there is left')
  check.finish()
  demo.finish()
  t.equal((await check.ended).exitCode, 0)
  t.equal((await demo.ended).exitCode, 0)
})

t.test('packages that a task uses are not replaced while it runs, even where its launcher was killed', async (t) => {
  const checkout = await makeCheckout(t)
  const demo = checkout.start('check')
  await demo.says(/the task runs/)
  await demo.kill()
  await writeFile(join(checkout.root, '.taprc'), '# changed\n')

  const refused = await checkout.start('check').ended
  t.equal(refused.exitCode, 1)
  t.match(refused.stderr, /must be installed anew[^]*pid \d+ \(.*check\.ts\)[^]*End it/)
  t.ok(await checkout.has('tap'), 'what it uses is there')

  demo.finish()
  await checkout.isFree()
  const after = checkout.start('check')
  await after.says(/Installing[^]*the task runs/)
  after.finish()
  t.equal((await after.ended).exitCode, 0)
})

t.test('what a task starts to stay behind does not keep its packages', async (t) => {
  const checkout = await makeCheckout(t)
  const task = checkout.start('windlass leave-behind')
  await task.says(/left (\d+)/)
  const left = Number(/left (\d+)/.exec(task.output())?.[1])
  t.teardown(() => process.kill(left, 'SIGKILL'))
  task.finish()
  await task.ended
  await checkout.isFree()
  t.doesNotThrow(() => process.kill(left, 0), 'it still runs')
})

/** A checkout with the real launcher and npm, of packages that need no network. */
async function makeCheckout(t: Test) {
  const root = await mkdtemp(join(tmpdir(), 'windlass-launch-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  await chmod(root, 0o755)
  await cp(join(bootstrap, 'launch.mjs'), join(root, 'bootstrap', 'launch.mjs'))
  await cp(import.meta.dirname, join(root, 'bootstrap', 'launch'), { recursive: true })
  const packages: Readonly<Record<string, object>> = {
    '.': {
      workspaces: ['reconciler', 'predictor', 'infra', 'bootstrap'],
      dependencies: { tap: 'file:packages/tap', [`node-linux-${process.arch}`]: 'file:packages/node' },
    },
    reconciler: {},
    predictor: {},
    bootstrap: {},
    infra: { dependencies: { 'infra-only': 'file:../packages/infra-only' } },
    'packages/tap': {},
    'packages/node': {},
    'packages/infra-only': {},
  }
  for (const [folder, fields] of Object.entries(packages)) {
    const name = folder === 'packages/node' ? `node-linux-${process.arch}` : folder.replace(/^(\.|packages\/)/, '')
    await mkdir(join(root, folder), { recursive: true })
    await writeFile(
      join(root, folder, 'package.json'),
      JSON.stringify({ name: name || 'checkout', version: '1.0.0', ...fields }),
    )
  }
  await mkdir(join(root, 'packages/node/bin'))
  await symlink(process.execPath, join(root, 'packages/node/bin/node'))
  await mkdir(join(root, 'packages/tap/dist/esm'), { recursive: true })
  await writeFile(join(root, 'packages/tap/dist/esm/run.mjs'), '')
  await writeFile(join(root, '.taprc'), '')
  for (const program of ['bootstrap/tasks/check.ts', 'bootstrap/tasks/image-context.ts']) {
    await mkdir(dirname(join(root, program)), { recursive: true })
    await writeFile(join(root, program), whileHeld)
  }
  await mkdir(join(root, 'reconciler/bench'), { recursive: true })
  for (const file of ['poll.ts', 'poll-registry.ts', 'flood.ts'])
    await writeFile(join(root, 'reconciler/bench', file), '')
  await mkdir(join(root, 'reconciler/src/cli'), { recursive: true })
  await writeFile(join(root, 'reconciler/src/cli/windlass.ts'), `${leaveBehind}${whileHeld}`)
  await promisify(execFile)('npm', ['install', '--package-lock-only', '--no-audit'], { cwd: root })

  const has = (name: string): Promise<boolean> =>
    readFile(join(root, 'node_modules', name)).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code === 'EISDIR',
    )
  return {
    root,
    has,
    isInstalled: () => has('.windlass-installed'),
    /** Resolves when no process holds the packages. */
    isFree: () => promisify(execFile)('flock', ['-x', '-w', '60', root, 'true']),
    start: (typed: string, options?: { readonly isRoot: boolean }) => start(t, root, typed, options),
  }
}

/** Ends when a file is gone, that the launcher's end takes nothing from, and that goes with the checkout at the latest. */
const whileHeld = `import { existsSync } from 'node:fs'
console.log('the task runs')
const timer = setInterval(() => existsSync(process.env.HELD) || clearInterval(timer), 20)
`
const leaveBehind = `import { spawn } from 'node:child_process'
const left = spawn('sleep', ['infinity'], { detached: true, stdio: 'ignore' })
left.unref()
console.log('left', left.pid)
`

function start(t: Test, root: string, typed: string, { isRoot = true } = {}) {
  const { npm_lifecycle_event: _, ...env } = process.env
  const held = join(root, `held-${randomUUID()}`)
  writeFileSync(held, '')
  const child = spawn(process.execPath, [join(root, 'bootstrap', 'launch.mjs'), ...typed.split(' ')], {
    env: { ...env, HELD: held },
    ...(!isRoot && process.getuid?.() === 0 && { uid: 65_534, gid: 65_534 }),
  })
  t.teardown(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const output = (): string => `${stderr}${stdout}`
  return {
    output,
    ended: once(child, 'close').then(([exitCode]: unknown[]) => ({ exitCode, stderr })),
    finish: () => rmSync(held),
    /** Ends the launcher alone, at once. */
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
    async says(wanted: RegExp) {
      await waitFor(async () => wanted.test(output()) || undefined, output, { timeoutMs: 60_000, everyMs: 20 })
      t.match(output(), wanted)
    },
  }
}
