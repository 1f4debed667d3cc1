// What every npm script runs first, with whatever Node the machine has and before anything is installed: so it is plain
// JavaScript without dependencies. It checks the prerequisites, installs the locked packages, and hands over to the
// Node 24 among them.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const nodeBin = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin')

/** Task → its program, whether it builds Go tools, and whether it does without the packages of infra/. */
const tasks = {
  demo: { program: 'bootstrap/tasks/demo.ts', needsGo: true, isLocal: true },
  cluster: { program: 'bootstrap/tasks/cluster.ts', needsGo: true, isLocal: true },
  bench: { program: 'bootstrap/tasks/bench.ts', needsGo: true, isLocal: true },
  test: { program: 'bootstrap/tasks/test.ts', needsGo: (args) => args[0] !== 'unit' },
  check: { program: 'bootstrap/tasks/check.ts', needsGo: false },
  format: { program: 'bootstrap/tasks/format.ts', needsGo: false },
  generate: { program: 'bootstrap/tasks/generate.ts', needsGo: false },
  synth: { program: 'infra/src/main.ts', needsGo: false },
  'infra:graph': { program: 'infra/src/graph/main.ts', needsGo: false },
  predictor: { program: 'predictor/src/server.ts', needsGo: false, isLocal: true },
  windlass: { program: 'reconciler/src/cli/windlass.ts', needsGo: false, isLocal: true },
  'image-context': { program: 'bootstrap/tasks/image-context.ts', needsGo: false, isLocal: true },
}

// The binding of one cloud provider is 270 MB, of which nothing on the local platform has use.
const localWorkspaces = ['reconciler', 'predictor', 'bootstrap']

const oldestNode = [20, 0]
const oldestGo = [1, 26]

const [name = '', ...args] = process.argv.slice(2)
const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined
if (!task) fail([`There is no task '${name}'. Known are: ${Object.keys(tasks).join(', ')}.`])

const problems = missingPrerequisites(typeof task.needsGo === 'function' ? task.needsGo(args) : task.needsGo)
if (problems.length > 0) fail(['Windlass can not start here yet:', ...problems.map((problem) => `  - ${problem}`)])

installPackages(task.isLocal === true)
handOver(join(root, task.program), args)

function missingPrerequisites(needsGo) {
  const found = []
  if (process.platform !== 'linux')
    found.push(`Linux is needed; this is ${process.platform}. Use a Linux machine or VM.`)
  if (!['x64', 'arm64'].includes(process.arch)) found.push(`x64 or arm64 is needed; this is ${process.arch}.`)
  if (isOlder(process.versions.node, oldestNode)) {
    found.push(`Node.js ${oldestNode[0]} or newer is needed; this is ${process.versions.node}. See https://nodejs.org.`)
  }
  if (firstLine('npm', ['--version']) === undefined) found.push('npm was not found on PATH. It comes with Node.js.')
  if (needsGo) {
    if (firstLine('git', ['--version']) === undefined) found.push('git was not found on PATH; releases are commits.')
    const go = firstLine('go', ['env', 'GOVERSION'])
    const wanted = `Go ${oldestGo.join('.')} or newer`
    if (go === undefined)
      found.push(`${wanted} was not found on PATH; the local cluster is built with it. See https://go.dev/dl.`)
    else if (isOlder(go.replace(/^go/, ''), oldestGo))
      found.push(`${wanted} is needed; this is ${go}. See https://go.dev/dl.`)
  }
  return found
}

/**
 * Runs `npm ci` when the lock file changed since the last complete install, and generates tap's test class. A full
 * install serves every task, and is never shrunk to a local one.
 */
function installPackages(isLocal) {
  const stamp = join(root, 'node_modules', '.windlass-installed')
  const key = createHash('sha256')
  for (const file of ['package-lock.json', 'package.json', '.taprc']) key.update(readFileSync(join(root, file)))
  const wanted = `${key.digest('hex')} ${process.arch}`
  const stamped = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : ''
  if (stamped === `${wanted} full` || (isLocal && stamped === `${wanted} local`)) return

  const isShrinking = stamped !== '' && !stamped.endsWith(' local')
  const scope = isLocal && !isShrinking ? 'local' : 'full'
  const workspaces =
    scope === 'local' ? ['--include-workspace-root', ...localWorkspaces.map((name) => `--workspace=${name}`)] : []
  rmSync(stamp, { force: true })
  const startedAt = Date.now()
  process.stderr.write('Installing the locked npm packages (about a minute the first time) …\n')
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...workspaces])
  run(join(nodeBin, 'node'), [join(root, 'node_modules', 'tap', 'dist', 'esm', 'run.mjs'), 'build'], 'ignore')
  writeFileSync(stamp, `${wanted} ${scope}\n`)
  process.stderr.write(`Installed in ${Math.round((Date.now() - startedAt) / 1000)} s.\n`)
}

/** Runs the task on the locked Node 24 and ends as it ends. */
function handOver(program, programArgs) {
  const child = spawn(join(nodeBin, 'node'), [program, ...programArgs], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${nodeBin}:${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` },
  })
  child.on('error', (error) => fail([`Could not start ${program}: ${error.message}`]))
  // The task ends by itself on a signal, after its clean-up; a terminal's Ctrl-C reaches it without our help.
  let isForwarding = false
  for (const signal of ['SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      isForwarding = true
      child.kill(signal)
    })
  }
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY && !isForwarding) child.kill('SIGINT')
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal]
  })
}

function run(command, commandArgs, stdout = 'inherit') {
  const result = spawnSync(command, commandArgs, { cwd: root, stdio: ['ignore', stdout, 'inherit'] })
  if (result.error) fail([`${command} could not be started: ${result.error.message}`])
  if (result.status !== 0)
    fail([`'${command} ${commandArgs.join(' ')}' failed (exit ${result.status ?? result.signal}).`])
}

function firstLine(command, commandArgs) {
  const result = spawnSync(command, commandArgs, { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.split('\n')[0].trim() : undefined
}

function isOlder(version, [major, minor]) {
  const [haveMajor = 0, haveMinor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return haveMajor < major || (haveMajor === major && haveMinor < minor)
}

function fail(lines) {
  process.stderr.write(`${lines.join('\n')}\n`)
  process.exit(1)
}
