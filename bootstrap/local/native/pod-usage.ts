import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { processesBelow, readHierarchies } from './cgroups.ts'
import { podGroups } from './pod-processes.ts'

/** What a pod uses of this machine, pause container and whatever ran in it for a moment included. */
export interface PodUsage {
  /** Processor time since the pod's start. */
  readonly cpuMs: number
  /** Resident memory of its processes, mapped files included: what `ps` calls RSS. */
  readonly rssMiB: number
}

/** Reads the pod's control group, as its kernel has it: no agent in between, which would cost what is measured. */
export async function readPodUsage(clusterName: string, podUid: string): Promise<PodUsage> {
  const path = await findPodGroup(clusterName, podUid)
  const pids = await processesBelow(path.group)
  const sizes = await Promise.all(pids.map(residentKiB))
  const residentTotalKiB = sizes.reduce((sum, size) => sum + size, 0)
  return { cpuMs: await readCpuMs(path), rssMiB: Math.round((residentTotalKiB / 1024) * 10) / 10 }
}

interface PodGroup {
  /** Below the root of every hierarchy. */
  readonly group: string
  /** The file that counts processor time. */
  readonly cpuFile: string
}

/** https://docs.kernel.org/admin-guide/cgroup-v1/cpuacct.html, https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu */
const cpuFiles = { 1: 'cpuacct.usage', 2: 'cpu.stat' } as const

async function findPodGroup(clusterName: string, podUid: string): Promise<PodGroup> {
  for (const { mountPoint, version } of await readHierarchies()) {
    for (const group of podGroups(clusterName, podUid)) {
      const cpuFile = join(mountPoint, group, cpuFiles[version])
      // Beside version 1, version 2 counts no memory and no pods: the first that counts is the one that is used.
      if (await isThere(cpuFile)) return { group, cpuFile }
    }
  }
  throw new Error(`no control group of pod ${podUid} of cluster ${clusterName} counts processor time`)
}

async function readCpuMs({ cpuFile }: PodGroup): Promise<number> {
  const cpuMs = parseCpuMs(await readFile(cpuFile, 'utf8'))
  if (cpuMs === undefined) throw new Error(`${cpuFile} does not tell processor time`)
  return cpuMs
}

/** Nanoseconds alone on a line (version 1), or `usage_usec` among others (version 2). */
export function parseCpuMs(text: string): number | undefined {
  const alone = /^(\d+)\n?$/.exec(text)?.[1]
  if (alone !== undefined) return Math.round(Number(alone) / 1e6)
  const micros = /^usage_usec (\d+)$/m.exec(text)?.[1]
  return micros === undefined ? undefined : Math.round(Number(micros) / 1e3)
}

/** https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
export function parseResidentKiB(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
}

async function residentKiB(pid: number): Promise<number> {
  try {
    return parseResidentKiB(await readFile(`/proc/${pid}/status`, 'utf8'))
  } catch (error) {
    // It ended since it was listed.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return 0
    throw error
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
