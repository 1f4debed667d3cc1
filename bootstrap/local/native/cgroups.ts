import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signalIfThere } from '../signal.ts'
import { waitFor } from '../wait.ts'

/**
 * Every process of a cluster is in a control group of the cluster's, from before it does anything until it ends: it
 * puts itself there, and its children inherit it. So the group is the one place where all of them are found, however
 * the command that started them ended. (A container's runtime moves its processes on, to groups below ours.)
 * https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export interface CgroupHierarchy {
  readonly mountPoint: string
  readonly version: 1 | 2
}

/** All hierarchies of this machine: one of version 2, or several of version 1 with or without one of version 2. */
export async function readHierarchies(): Promise<readonly CgroupHierarchy[]> {
  return parseHierarchies(await readFile('/proc/self/mountinfo', 'utf8'))
}

/** https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
export function parseHierarchies(mountinfo: string): readonly CgroupHierarchy[] {
  return mountinfo.split('\n').flatMap((line): CgroupHierarchy[] => {
    const [mount = '', source = ''] = line.split(' - ')
    const mountPoint = mount.split(' ')[4]
    const type = source.split(' ')[0]
    if (mountPoint === undefined) return []
    if (type === 'cgroup2') return [{ mountPoint, version: 2 }]
    return type === 'cgroup' ? [{ mountPoint, version: 1 }] : []
  })
}

/**
 * Makes the cluster's group in every hierarchy, and in one of them a leaf `system` for its own processes, whose path
 * is returned. The kubelet makes the pods' groups beside that.
 */
export async function createCgroup(path: string): Promise<string> {
  const hierarchies = await readHierarchies()
  const home = hierarchies.find((hierarchy) => hierarchy.version === 2) ?? hierarchies[0]
  if (home === undefined) throw new Error('no cgroup hierarchy is mounted (see mount -t cgroup2)')
  for (const { mountPoint } of hierarchies) await mkdir(join(mountPoint, path), { recursive: true })
  // Beside hierarchies of version 1 that of version 2 has no controller that counts, and the host's stays as it is.
  if (hierarchies.every(({ version }) => version === 2)) await enableControllers(home.mountPoint, path)
  const system = join(home.mountPoint, path, 'system')
  await mkdir(system, { recursive: true })
  return system
}

/** Ends every process below the path in any hierarchy, and deletes the groups; nothing can join them any more. */
export async function removeCgroup(path: string): Promise<void> {
  const hierarchies = await readHierarchies()
  await waitFor(
    async () => {
      const left = await Promise.all(hierarchies.map(({ mountPoint }) => emptyAndRemove(join(mountPoint, path))))
      return left.every((isGone) => isGone) || undefined
    },
    async () => `control groups ${path} to be empty; left: ${(await processesBelow(path)).join(' ')}`,
    { timeoutMs: 30_000, everyMs: 30 },
  )
}

/** Numbers of all processes below the path, over all hierarchies. */
export async function processesBelow(path: string): Promise<readonly number[]> {
  const hierarchies = await readHierarchies()
  const found = await Promise.all(
    hierarchies.map(async ({ mountPoint }) => {
      const groups = await groupsBelow(join(mountPoint, path))
      return (await Promise.all(groups.map(processesIn))).flat()
    }),
  )
  return [...new Set(found.flat())]
}

/** The kubelet needs these controllers in its root group; those that a kernel lacks are none of ours to ask for. */
async function enableControllers(mountPoint: string, path: string): Promise<void> {
  const available = (await readFile(join(mountPoint, 'cgroup.controllers'), 'utf8')).trim().split(/\s+/)
  const wanted = ['cpu', 'cpuset', 'io', 'memory', 'hugetlb', 'pids'].filter((name) => available.includes(name))
  for (const group of [mountPoint, join(mountPoint, path)]) {
    try {
      await writeFile(join(group, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '))
    } catch (error) {
      throw new Error(
        `${group} can't have the controllers ${wanted.join(', ')}; in a container, its own processes must first be ` +
          'moved to a group below the root',
        { cause: error },
      )
    }
  }
}

async function emptyAndRemove(root: string): Promise<boolean> {
  const groups = await groupsBelow(root)
  for (const pid of (await Promise.all(groups.map(processesIn))).flat()) signalIfThere(pid, 'SIGKILL')
  // Children before parents: only an empty group can be deleted, and one that a process just joined is not.
  for (const group of groups.toReversed()) await rmdir(group).catch(() => undefined)
  return (await groupsBelow(root)).length === 0
}

/** The group and all below it, parents first; none if it does not exist. */
async function groupsBelow(root: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true, recursive: true })
    const below = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
    return [root, ...below.sort((a, b) => a.length - b.length)]
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

async function processesIn(group: string): Promise<readonly number[]> {
  try {
    const pids = (await readFile(join(group, 'cgroup.procs'), 'utf8')).split('\n')
    // 0 stands for a process of another pid namespace, which is not ours to see.
    return pids.map(Number).filter((pid) => pid > 0)
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV')
}
