// What every npm script runs first, with whatever Node the machine has and before anything is installed: so it is plain
// JavaScript without dependencies. It checks arguments and prerequisites, installs the locked packages, and hands over to
// the Node 24 among them.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandTyped } from './launch/as-root.mjs'
import { CannotInstall, preparePackages } from './launch/packages.mjs'
import { examine } from './launch/prerequisites.mjs'
import { asksForHelp, problemOfArguments, tasks, usageOf } from './launch/tasks.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const nodeBin = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin')

const [name = '', ...args] = process.argv.slice(2)
const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined
if (task === undefined) end(2, [`There is no task '${name}'. Known are: ${Object.keys(tasks).join(', ')}.`])

const isHelp = asksForHelp(args)
const usage = usageOf(task, args)
if (isHelp && usage.length > 0) end(0, usage)
const problem = problemOfArguments(task, args, root)
if (problem !== undefined) end(2, [problem, ...usage])

const { problems, path } = examine(
  isHelp ? [] : (task.needs?.(args) ?? []),
  commandTyped(process.env['npm_lifecycle_event'], name, args),
)
if (problems.length > 0) end(1, ['Windlass can not start here yet:', ...problems.map((problem) => `  - ${problem}`)])

handOver(join(root, task.program), packagesInUse(task.isLocal === true))

/** @param {boolean} isLocal */
function packagesInUse(isLocal) {
  try {
    return preparePackages(root, { isLocal, nodeBin, tell: (line) => process.stderr.write(`${line}\n`) })
  } catch (error) {
    if (error instanceof CannotInstall) end(1, [error.message])
    throw error
  }
}

/**
 * Runs the task on the locked Node 24 and ends as it ends. The task has the lock too, so that its packages stay where
 * they are should it outlive us.
 * @param {string} program
 * @param {import('./launch/folder-lock.mjs').FolderLock} lock
 */
function handOver(program, lock) {
  const child = spawn(join(nodeBin, 'node'), [program, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', lock.descriptor],
    env: { ...process.env, PATH: `${nodeBin}:${join(root, 'node_modules', '.bin')}:${path}` },
  })
  child.on('error', (error) => end(1, [`Could not start ${program}: ${error.message}`]))
  // The task ends by itself on a signal, after its clean-up; a terminal's Ctrl-C reaches it without our help.
  let isForwarding = false
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      isForwarding = true
      child.kill(signal)
    })
  }
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY && !isForwarding) child.kill('SIGINT')
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal])
  })
}

/**
 * @param {number} exitCode
 * @param {readonly string[]} lines
 * @returns {never}
 */
function end(exitCode, lines) {
  process.stderr.write(`${lines.join('\n')}\n`)
  process.exit(exitCode)
}
