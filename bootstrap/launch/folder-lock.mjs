import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'

/**
 * A lock on a folder, by flock(2): the kernel's own, so that it ends with the last process that has the descriptor open,
 * however that ends. There is no file to be left behind, and no stale lock to detect. flock(1) takes it on the descriptor
 * that it shares with us.
 */
export class FolderLock {
  #folder
  #descriptor

  /** @param {string} folder */
  constructor(folder) {
    this.#folder = realpathSync(folder)
    this.#descriptor = openSync(folder, 'r')
  }

  /** To be handed to a program that goes on holding the lock should we be killed. */
  get descriptor() {
    return this.#descriptor
  }

  /** Whether it could be had at once. */
  tryExclusive() {
    return this.#flock('-x', '-n')
  }

  exclusive() {
    this.#flock('-x')
  }

  shared() {
    this.#flock('-s')
  }

  release() {
    closeSync(this.#descriptor)
  }

  /** Who holds it, as `pid 12 (node x.mjs demo)`; only what this user may look at. */
  holders() {
    return numbersOfProcesses()
      .filter((pid) => pid !== process.pid && descriptorsOn(pid, this.#folder).some((fd) => isLocked(pid, fd)))
      .map((pid) => `pid ${pid} (${commandOf(pid)})`)
  }

  /** @param {...string} flags Short ones, which BusyBox knows too. */
  #flock(...flags) {
    const { status, error } = spawnSync('flock', [...flags, '3'], {
      stdio: ['ignore', 'ignore', 'inherit', this.#descriptor],
    })
    if (error) throw error
    return status === 0
  }
}

function numbersOfProcesses() {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
}

/**
 * @param {number} pid
 * @param {string} folder
 */
function descriptorsOn(pid, folder) {
  return ifThere([], () =>
    readdirSync(`/proc/${pid}/fd`).filter((fd) => ifThere('', () => readlinkSync(`/proc/${pid}/fd/${fd}`)) === folder),
  )
}

/**
 * Who waits for it has it open too, but proc_pid_fdinfo(5) names only locks that are held.
 * @param {number} pid
 * @param {string} fd
 */
function isLocked(pid, fd) {
  return ifThere('', () => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')).includes('FLOCK')
}

/** @param {number} pid */
function commandOf(pid) {
  const command = ifThere('', () => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  return command.split('\0').join(' ').trim()
}

/**
 * A process may end while it is looked at, and another user's can't be looked at.
 * @template T
 * @param {T} otherwise
 * @param {() => T} read
 */
function ifThere(otherwise, read) {
  try {
    return read()
  } catch {
    return otherwise
  }
}
