import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { installMissing } from '../debian.ts'
import { stateDir } from '../paths.ts'
import { run } from '../run.ts'
import { nativeBackend } from './backend.ts'
import { readHierarchies } from './cgroups.ts'
import type { NativeCluster } from './cluster.ts'
import { cgroupOf, networkOf, readRecord } from './record.ts'
import { writeStaticImage } from './static-image.ts'

/** A name that no other test's cluster has; whatever is up under it at the end of the test is taken down. */
export function clusterName(t: Test): string {
  const name = `t-${randomBytes(4).toString('hex')}`
  t.teardown(() => nativeBackend().down({ name }))
  return name
}

/** A cluster of the test's own. */
export async function ownCluster(t: Test): Promise<NativeCluster> {
  return nativeBackend().up({ name: clusterName(t), onStep: (step) => t.comment(step) })
}

export const toolboxImage = 'windlass.local/toolbox:1'

/** Gives the node an image with busybox, /busybox, so that nothing must be pulled. */
export async function importToolbox(cluster: NativeCluster): Promise<void> {
  await installMissing(['busybox-static'], {})
  const dir = await mkdtemp(join(tmpdir(), 'windlass-toolbox-'))
  try {
    const archive = await writeStaticImage(dir, {
      name: toolboxImage,
      program: '/bin/busybox',
      entrypoint: 'busybox',
    })
    await cluster.exec('ctr', ['--namespace', 'k8s.io', 'images', 'import', archive])
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

export function kubectl(cluster: NativeCluster, ...args: readonly string[]): Promise<string> {
  return run(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, ...args]).then(({ stdout }) => stdout)
}

export function apply(cluster: NativeCluster, objects: readonly object[]): Promise<unknown> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
  return run(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, 'apply', '-f', '-'], { input })
}

/** What of a cluster can be found while it is up, to be looked for after it is gone. */
export interface Traces {
  readonly hostLink: string | undefined
  /** Like `net:[4026532000]`, of the process that holds them. */
  readonly namespaces: readonly string[]
}

export async function tracesOf(name: string): Promise<Traces> {
  const record = await readRecord(name)
  const own = (await processes()).filter((process) => process.cgroups.includes(cgroupOf(name)))
  const hosts = await namespacesOf('self')
  const namespaces = own.flatMap((process) => process.namespaces).filter((namespace) => !hosts.includes(namespace))
  return { hostLink: record && networkOf(record).hostLink, namespaces: [...new Set(namespaces)] }
}

/** Everything on this machine that is still that cluster's, in words; empty after `down`. */
export async function leftovers(name: string, traces: Traces): Promise<readonly string[]> {
  const dir = stateDir('clusters', name)
  const links = (await run('ip', ['-json', 'link'])).stdout
  const hierarchies = await readHierarchies()
  const groups = await Promise.all(hierarchies.map(({ mountPoint }) => readdir(mountPoint)))
  const mine = (await processes()).filter(
    (process) =>
      // A zombie has no command line; it is gone but for its parent's taking note.
      process.commandLine !== '' &&
      (process.cgroups.includes(`/${cgroupOf(name)}`) ||
        process.commandLine.includes(dir) ||
        process.mounts.includes(dir) ||
        // The kernel gives a namespace's number again, so another cluster's may have it by now.
        (!process.cgroups.includes('/windlass-') &&
          process.namespaces.some((namespace) => traces.namespaces.includes(namespace)))),
  )
  return [
    ...mine.map(({ pid, commandLine }) => `process ${pid}: ${commandLine}`),
    ...(traces.hostLink && links.includes(`"${traces.hostLink}"`) ? [`interface ${traces.hostLink}`] : []),
    ...groups
      .flat()
      .filter((group) => group === cgroupOf(name))
      .map((group) => `control group ${group}`),
    ...((await readRecord(name)) ? [`record of ${name}`] : []),
    ...(await readdir(stateDir('clusters')).catch(() => [])).filter((entry) => entry === name),
    ...(await readdir('/run/windlass').catch(() => [])).filter((entry) => entry.startsWith(`${name}.`)),
  ]
}

/** What a cluster has no business to change on its host. */
export interface HostSettings {
  readonly firewall: string
  readonly routes: readonly string[]
  readonly kernel: Readonly<Record<string, string>>
  readonly files: Readonly<Record<string, string>>
  readonly mountPoints: readonly string[]
  readonly links: readonly string[]
}

export async function hostSettings(): Promise<HostSettings> {
  const isOurs = (text: string): boolean => /\bwindlass\d+\b/.test(text)
  const [firewall, routes, links, mounts] = await Promise.all([
    run('nft', ['--stateless', 'list', 'ruleset']),
    run('ip', ['route']),
    run('ip', ['-brief', 'link']),
    readFile('/proc/self/mountinfo', 'utf8'),
  ])
  return {
    firewall: firewall.stdout,
    routes: routes.stdout.split('\n').filter((route) => !isOurs(route)),
    links: links.stdout
      .split('\n')
      .map((link) => link.split(' ')[0] ?? '')
      .filter((link) => !isOurs(link)),
    mountPoints: mounts
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((mountPoint) => clusterMounts.some((place) => `${mountPoint}/`.startsWith(`${place}/`))),
    kernel: await contentsOf(kernelSettings.map((setting) => `/proc/sys/${setting}`)),
    files: await contentsOf(['/etc/hosts', '/etc/resolv.conf']),
  }
}

/** Places where a cluster has mounts of its own; elsewhere others may come and go. */
const clusterMounts = ['/etc', '/proc', '/run/netns', '/run/containerd', '/var/log', '/var/lib/kubelet', '/var/lib/cni']

const kernelSettings = [
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'net/ipv4/ip_forward',
  'net/ipv4/conf/all/route_localnet',
]

interface ProcessTraces {
  readonly pid: string
  readonly commandLine: string
  readonly cgroups: string
  readonly mounts: string
  readonly namespaces: readonly string[]
}

async function processes(): Promise<readonly ProcessTraces[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
  // One that ends while it is looked at has left nothing.
  const read = (pid: string, file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
  return Promise.all(
    pids.map(async (pid) => ({
      pid,
      commandLine: (await read(pid, 'cmdline')).replaceAll('\0', ' '),
      cgroups: await read(pid, 'cgroup'),
      mounts: await read(pid, 'mountinfo'),
      namespaces: await namespacesOf(pid),
    })),
  )
}

async function namespacesOf(pid: string): Promise<readonly string[]> {
  const links = await Promise.all(['net', 'mnt'].map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => '')))
  return links.filter((link) => link !== '')
}

async function contentsOf(paths: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const read = async (path: string) => [path, await readFile(path, 'utf8').catch(() => 'not there')] as const
  return Object.fromEntries(await Promise.all(paths.map(read)))
}
