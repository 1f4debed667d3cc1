import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { lastLines, programEnv } from './run.ts'
import { signalIfThere } from './signal.ts'

/**
 * A process as it can be found again by another program: its number alone may by then be another's, but no two
 * processes of one boot share number and start time.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot, field 22 of /proc/PID/stat (proc_pid_stat(5)). */
  readonly startTicks: number
  readonly bootId: string
}

export interface SpawnOptions {
  readonly logFile: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface SpawnedProcess extends ProcessIdentity {
  readonly logFile: string
  /** Undefined while it runs; for people. */
  exit(): string | undefined
}

/**
 * Starts a program that outlives this one: in a session of its own, its output appended to the log file.
 * Rejects when the program cannot be started at all.
 */
export async function spawnDetached(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<SpawnedProcess> {
  const log = await open(options.logFile, 'a', 0o640)
  try {
    const child = spawn(command, [...args], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: programEnv(options.env),
      ...(options.cwd && { cwd: options.cwd }),
    })
    await started(child)
    child.unref()
    let exit: string | undefined
    child.once('exit', (code, signal) => {
      exit = signal === null ? `it ended with ${code}` : `it was ended by ${signal}`
    })
    return { ...(await identify(child)), logFile: options.logFile, exit: () => exit }
  } finally {
    await log.close()
  }
}

/** Whether the very process that was recorded still runs; a zombie does not. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  const stat = await readStat(identity.pid)
  return (
    stat !== undefined &&
    stat.state !== 'Z' &&
    stat.startTicks === identity.startTicks &&
    (await readBootId()) === identity.bootId
  )
}

/** Asks a process to end, waits, and after the grace period ends it; returns when it is gone. */
export async function stopProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  if (!(await isRunning(identity))) return
  signalIfThere(identity.pid, 'SIGTERM')
  if (await endsWithin(identity, graceMs)) return
  signalIfThere(identity.pid, 'SIGKILL')
  if (await endsWithin(identity, 10_000)) return
  throw new Error(`process ${identity.pid} did not end when killed; it hangs in the kernel (see /proc/PID/stack)`)
}

/** The last lines of a log file, for an error message. */
export async function tailOf(logFile: string, count = 15): Promise<string> {
  return lastLines(await readFile(logFile, 'utf8'), count)
}

/** Identity of a process that runs now, or undefined. */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readStat(pid)
  return stat && { pid, startTicks: stat.startTicks, bootId: await readBootId() }
}

async function endsWithin(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (await isRunning(identity)) {
    if (performance.now() > deadline) return false
    await sleep(20)
  }
  return true
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
}

async function identify(child: ChildProcess): Promise<ProcessIdentity> {
  const pid = child.pid ?? -1
  // A child that has ended already is reaped: an identity that matches nothing is then the truth.
  return (await identityOf(pid)) ?? { pid, startTicks: -1, bootId: await readBootId() }
}

/** Of the kernel's clock towards programs, on every architecture that Node.js runs on. */
const ticksPerSecond = 100

interface ProcessStat {
  readonly state: string
  readonly startTicks: number
}

/** Undefined where there is no such process. */
export async function readStat(pid: number): Promise<ProcessStat | undefined> {
  let text: string
  try {
    text = await readFile(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // ENOENT, or ESRCH when it ends while being read: gone either way.
    return undefined
  }
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', startTicks: Number(fields[19]) }
}

/** Now, as the start of a process is told. */
export async function ticksSinceBoot(): Promise<number> {
  const [seconds = ''] = (await readFile('/proc/uptime', 'utf8')).split(' ')
  return Number(seconds) * ticksPerSecond
}

export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
}
