import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from '../backend.ts'
import { quote, writeRegistryHosts } from '../containerd-hosts.ts'
import type { NeededProcesses } from '../readiness.ts'
import { assertUp, lastWords } from '../readiness.ts'
import { CommandFailed, run } from '../run.ts'
import { waitFor } from '../wait.ts'
import { launcher } from './namespaces.ts'
import { writeStaticImage } from './static-image.ts'
import type { ProcessHome } from './processes.ts'

/** In the cluster's own mount namespace, where /run is its own: the place where containerd's tools look by default. */
export const containerdSocket = '/run/containerd/containerd.sock'

/** The image whose one process holds a pod's namespaces; it is imported, and never pulled. */
const pauseImage = 'windlass.local/pause:1'

export interface ContainerdOptions {
  readonly stateDir: string
  /** The CA that signed the registry's certificates. */
  readonly registryCaFile: string
}

/** Writes containerd's settings, its trust in the registry, and the pod network's; returns the settings' file. */
export async function writeContainerdFiles({ stateDir, registryCaFile }: ContainerdOptions): Promise<string> {
  const root = join(stateDir, 'containerd')
  const certs = join(root, 'certs.d')
  const network = join(root, 'net.d')
  await mkdir(join(root, 'root'), { recursive: true })
  await mkdir(network, { recursive: true })
  await writeRegistryHosts(certs, registryCaFile)
  await writeFile(join(network, '10-windlass.conflist'), `${JSON.stringify(podNetwork, undefined, 2)}\n`)
  const path = join(root, 'config.toml')
  await writeFile(path, settings({ root, certs, network, snapshotter: await snapshotterFor(root) }))
  return path
}

export interface ImportOptions {
  readonly home: ProcessHome
  /** The static program that the image is made of. */
  readonly program: string
  readonly processes: NeededProcesses
  readonly signal?: AbortSignal
}

/** Makes the pause image and gives it to containerd, as soon as that answers. */
export async function importPauseImage({ home, program, processes, signal }: ImportOptions): Promise<void> {
  const dir = join(home.stateDir, 'pause-image')
  const archive = await writeStaticImage(dir, {
    name: pauseImage,
    program,
    entrypoint: 'pause',
  })
  const withSignal = signal ? { signal } : {}
  const ctr = async (...args: readonly string[]): Promise<void> => {
    const { command, args: launched } = launcher(home.cgroup, home.holder, ['ctr', '--namespace', 'k8s.io', ...args])
    await run(command, launched, withSignal)
  }
  let lastError = 'it was not asked yet'
  await waitFor(
    async () => {
      await assertUp(processes)
      try {
        await ctr('--connect-timeout', '1s', 'images', 'import', '--digests=false', archive)
        return true
      } catch (error) {
        if (!(error instanceof CommandFailed)) throw error
        lastError = error.message
        return undefined
      }
    },
    async () => [`containerd to take the pause image: ${lastError}`, await lastWords(processes)].join('\n'),
    { timeoutMs: 30_000, ...withSignal },
  )
  await rm(dir, { recursive: true })
}

/**
 * https://github.com/containerd/containerd/blob/release/1.6/docs/cri/config.md
 * No score may be lowered and no profile loaded without rights that a container's or a sandboxed machine's root lacks.
 */
function settings(options: {
  readonly root: string
  readonly certs: string
  readonly network: string
  readonly snapshotter: string
}): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  return `version = 2
root = ${quote(join(options.root, 'root'))}
state = "/run/containerd"

[grpc]
  address = ${quote(containerdSocket)}

[plugins."io.containerd.internal.v1.opt"]
  path = ${quote(join(options.root, 'opt'))}

[${cri}]
  sandbox_image = ${quote(pauseImage)}
  restrict_oom_score_adj = true
  disable_apparmor = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true

[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = ${quote(options.network)}

[${cri}.registry]
  config_path = ${quote(options.certs)}

[${cri}.containerd]
  snapshotter = ${quote(options.snapshotter)}
  default_runtime_name = "runc"

[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
`
}

/**
 * A cable for each pod and no bridge, so that everything between pods passes the node's own routing: Service addresses
 * are translated both ways without a kernel module for bridges on the host.
 * https://www.cni.dev/plugins/current/main/ptp/
 */
const podNetwork = {
  cniVersion: '0.4.0',
  name: 'windlass',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: platform.podCidr }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true }, snat: true },
  ],
}

/** An overlay can't lie on an overlay, which a container's own root is. */
async function snapshotterFor(root: string): Promise<'overlayfs' | 'native'> {
  const { stdout } = await run('stat', ['--file-system', '--format=%T', root])
  return stdout.trim() === 'overlayfs' ? 'native' : 'overlayfs'
}
