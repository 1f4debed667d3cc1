import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { installMissing } from '../debian.ts'
import { run } from '../run.ts'
import { nativeBackend } from './backend.ts'
import type { NativeCluster } from './cluster.ts'
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

async function contentsOf(paths: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const read = async (path: string) => [path, await readFile(path, 'utf8').catch(() => 'not there')] as const
  return Object.fromEntries(await Promise.all(paths.map(read)))
}
