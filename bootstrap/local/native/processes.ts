import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readJsonIfThere, writeWhole } from '../files.ts'
import type { ProcessIdentity, SpawnedProcess } from '../process.ts'
import { isRunning, spawnDetached, stopProcess } from '../process.ts'
import { launcher } from './namespaces.ts'

/** A process that belongs to the cluster and goes on when the command that started it ends. */
export interface ClusterProcess {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  isRunning(): Promise<boolean>
  /** Asks it to end, ends it after the grace period (10 s), and returns when it is gone. */
  stop(graceMs?: number): Promise<void>
}

export interface StartProcessOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Where the cluster's processes run. */
export interface ProcessHome {
  readonly stateDir: string
  readonly cgroup: string
  /** The process that holds the namespaces. */
  readonly holder: ProcessIdentity
}

interface ProcessFile extends ProcessIdentity {
  readonly command: readonly string[]
}

/** Starts a process under a name; one that runs under that name is stopped first. */
export async function startProcess(
  home: ProcessHome,
  name: string,
  command: readonly string[],
  options: StartProcessOptions = {},
): Promise<SpawnedProcess & ClusterProcess> {
  await (await findProcess(home, name))?.stop()
  const launch = launcher(home.cgroup, home.holder, command, options.cwd)
  const spawned = await spawnDetached(launch.command, launch.args, {
    logFile: logFileOf(home.stateDir, name),
    ...(options.env && { env: options.env }),
  })
  await recordProcess(home.stateDir, name, spawned, command)
  return { ...spawned, ...processOf(home.stateDir, name, spawned) }
}

/** The process of that name, if it still runs. */
export async function findProcess(
  home: Pick<ProcessHome, 'stateDir'>,
  name: string,
): Promise<ClusterProcess | undefined> {
  const file = await readProcessFile(home.stateDir, name)
  return file && (await isRunning(file)) ? processOf(home.stateDir, name, file) : undefined
}

/** Names of the processes that were started, were not stopped, and have ended since. */
export async function endedProcesses(stateDir: string): Promise<readonly string[]> {
  const files = await readdir(folderOf(stateDir)).catch(() => [])
  const names = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length))
  const running = await Promise.all(names.map((name) => findProcess({ stateDir }, name)))
  return names.filter((_, index) => running[index] === undefined)
}

export async function recordProcess(
  stateDir: string,
  name: string,
  { pid, startTicks, bootId }: ProcessIdentity,
  command: readonly string[],
): Promise<void> {
  await mkdir(folderOf(stateDir), { recursive: true })
  const path = fileOf(stateDir, name)
  const file: ProcessFile = { pid, startTicks, bootId, command }
  await writeWhole(path, `${JSON.stringify(file)}\n`)
}

export async function readProcessFile(stateDir: string, name: string): Promise<ProcessIdentity | undefined> {
  return readJsonIfThere<ProcessFile>(fileOf(stateDir, name))
}

function processOf(stateDir: string, name: string, identity: ProcessIdentity): ClusterProcess {
  return {
    name,
    pid: identity.pid,
    logFile: logFileOf(stateDir, name),
    isRunning: () => isRunning(identity),
    stop: async (graceMs = 10_000) => {
      await stopProcess(identity, graceMs)
      await rm(fileOf(stateDir, name), { force: true })
    },
  }
}

function folderOf(stateDir: string): string {
  return join(stateDir, 'processes')
}

function fileOf(stateDir: string, name: string): string {
  return join(folderOf(stateDir), `${name}.json`)
}

function logFileOf(stateDir: string, name: string): string {
  return join(stateDir, 'logs', `${name}.log`)
}
