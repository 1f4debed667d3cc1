import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FolderLock } from './folder-lock.mjs'

/** What stands in the way of an install, in words for a person. */
export class CannotInstall extends Error {}

/** What a local task's install has; infra/ and dashboards/ come with a full one. */
export const localWorkspaces = ['reconciler', 'predictor', 'bootstrap']
const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']

/**
 * Sees to it that the locked packages are installed, and answers the lock that keeps them so: as long as its descriptor
 * is open in any process, no other command of this checkout takes them away.
 *
 * Two locks: an install excludes every other install and start of a task; packages that are in use are added to, but
 * never replaced.
 * @param {string} root
 * @param {{ readonly isLocal: boolean, readonly nodeBin: string, readonly tell: (line: string) => void }} options
 */
export function preparePackages(root, { isLocal, nodeBin, tell }) {
  const installing = new FolderLock(join(root, 'bootstrap'))
  const inUse = new FolderLock(root)
  if (!installing.tryExclusive()) {
    tell(`Waiting for another install of this checkout's packages to end: ${installing.holders().join(', ')} …`)
    installing.exclusive()
  }
  const install = installNeeded(root, isLocal)
  if (install !== undefined) {
    assertWritable(root)
    if (install.replaces) assertUnused(root, inUse)
    perform(root, install, { nodeBin, tell, lock: installing.descriptor })
  }
  // Whoever wants it for itself alone holds the other one, which we do: this does not wait.
  inUse.shared()
  installing.release()
  return inUse
}

/**
 * @typedef {{ readonly key: string, readonly scope: 'local' | 'full', readonly replaces: boolean }} Install
 *
 * A full install serves every task, and is never shrunk to a local one.
 * @param {string} root
 * @param {boolean} isLocal
 * @returns {Install | undefined}
 */
function installNeeded(root, isLocal) {
  const hash = createHash('sha256')
  for (const file of ['package-lock.json', 'package.json', '.taprc']) hash.update(readFileSync(join(root, file)))
  const key = `${hash.digest('hex')} ${process.arch}`
  const stamp = stampOf(root)
  const stamped = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : ''
  if (stamped === `${key} full` || (isLocal && stamped === `${key} local`)) return undefined
  const hadFull = stamped.endsWith(' full')
  return { key, scope: isLocal && !hadFull ? 'local' : 'full', replaces: stamped !== `${key} local` }
}

/**
 * @param {string} root
 * @param {Install} install
 * @param {{ readonly nodeBin: string, readonly tell: (line: string) => void, readonly lock: number }} options
 */
function perform(root, { key, scope, replaces }, { nodeBin, tell, lock }) {
  const startedAt = Date.now()
  const only = ['--include-workspace-root', ...localWorkspaces.map((name) => `--workspace=${name}`)]
  if (replaces) {
    tell('Installing the locked npm packages (about a minute the first time) …')
    rmSync(stampOf(root), { force: true })
    run(root, 'npm', ['ci', ...quietly, ...(scope === 'local' ? only : [])], lock)
    run(
      root,
      join(nodeBin, 'node'),
      [join(root, 'node_modules', 'tap', 'dist', 'esm', 'run.mjs'), 'build'],
      lock,
      'ignore',
    )
  } else {
    tell('Adding the locked npm packages of infra/ (half a minute) …')
    // Unlike `npm ci` this leaves what is installed where it is; --no-save keeps it from writing the lock file.
    run(root, 'npm', ['install', '--no-save', ...quietly], lock)
  }
  writeFileSync(stampOf(root), `${key} ${scope}\n`)
  tell(`Installed in ${Math.round((Date.now() - startedAt) / 1000)} s.`)
}

/** @param {string} root */
function stampOf(root) {
  return join(root, 'node_modules', '.windlass-installed')
}

/**
 * @param {string} root
 * @param {FolderLock} inUse
 */
function assertUnused(root, inUse) {
  if (inUse.tryExclusive()) return
  throw new CannotInstall(
    [
      'The npm packages must be installed anew, and what runs in this checkout still uses those that are there:',
      ...inUse.holders().map((holder) => `  - ${holder}`),
      `End it, then type this again. (${root})`,
    ].join('\n'),
  )
}

/** @param {string} root */
function assertWritable(root) {
  const folder = [join(root, 'node_modules'), root].find((path) => existsSync(path)) ?? root
  try {
    accessSync(folder, constants.W_OK)
  } catch {
    throw new CannotInstall(
      `npm packages are to be installed, and ${folder} is not yours to write: a command installed it as another user, ` +
        `root perhaps. Make it yours: sudo chown -R "$(id -un)" ${folder}`,
    )
  }
}

/**
 * @param {string} root
 * @param {string} command
 * @param {readonly string[]} args
 * @param {number} lock Held on by the program should we be killed.
 * @param {2 | 'ignore'} output Not to stdout, which is the task's.
 */
function run(root, command, args, lock, output = 2) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', output, 2, lock] })
  if (result.error) throw new CannotInstall(`${command} could not be started: ${result.error.message}`)
  if (result.status === 0) return
  throw new CannotInstall(`'${[command, ...args].join(' ')}' failed (${result.status ?? result.signal}).`)
}
