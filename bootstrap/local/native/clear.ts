import { readFile, rm } from 'node:fs/promises'
import { sep } from 'node:path'
import { readBootId } from '../process.ts'
import { run } from '../run.ts'
import { removeCgroup } from './cgroups.ts'
import type { ClusterRecord } from './record.ts'
import { cgroupOf, deleteRecord, networkOf } from './record.ts'

/**
 * Ends and deletes all that a cluster has on this machine, whole or half made; may be called again if it is itself
 * cut short. The caller holds the cluster's lock.
 */
export async function clear(record: ClusterRecord): Promise<void> {
  // First, because what works on behalf of a killed command is among these processes: after it, nothing is added.
  // The namespaces, and with them all that lies in them, end with their last process.
  await removeCgroup(cgroupOf(record.name))
  // Since the machine was started anew its network may have been given to another cluster.
  if (record.bootId === (await readBootId())) await removeLink(networkOf(record).hostLink)
  await unmountBelow(record.stateDir)
  await rm(record.stateDir, { recursive: true, force: true })
  await deleteRecord(record.name)
}

/** The kernel removes it with the other end's namespace, some time later; a cluster that follows needs it gone now. */
async function removeLink(name: string): Promise<void> {
  const { stdout } = await run('ip', ['-json', 'link', 'show', 'type', 'veth'])
  const links = JSON.parse(stdout || '[]') as readonly { readonly ifname?: string }[]
  if (!links.some((link) => link.ifname === name)) return
  // 1: the kernel was faster.
  await run('ip', ['link', 'delete', name], { accept: [1] })
}

/** Mounts are made in the cluster's own namespace, which the host does not see; one on the host would be deleted. */
async function unmountBelow(dir: string): Promise<void> {
  const mountPoints = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => unescapeMountPoint(line.split(' ')[4] ?? ''))
    .filter((mountPoint) => mountPoint.startsWith(`${dir}${sep}`))
  for (const mountPoint of mountPoints.toReversed()) await run('umount', ['--lazy', mountPoint])
}

/** Space, tab, newline and backslash are written in octal, proc_pid_mountinfo(5). */
function unescapeMountPoint(text: string): string {
  return text.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)))
}
