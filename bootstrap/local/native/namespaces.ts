import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from '../backend.ts'
import type { ProcessIdentity, SpawnedProcess } from '../process.ts'
import { spawnDetached, tailOf } from '../process.ts'
import { run } from '../run.ts'
import { waitFor } from '../wait.ts'
import type { ClusterNetwork } from './record.ts'

/** Names that the cluster's own processes resolve by its hosts file, all of them the node's address. */
export const nodeHostNames = [platform.registryHost, platform.blobHost, platform.entraHost]

export interface NamespaceOptions {
  readonly stateDir: string
  readonly network: ClusterNetwork
  readonly nodeName: string
  /** Folder of the control group that the cluster's own processes join. */
  readonly cgroup: string
  readonly signal?: AbortSignal
}

/** How to start a program as one of the cluster's: in its control group, and in its namespaces where it has them. */
export interface Launcher {
  readonly command: string
  readonly args: readonly string[]
}

/**
 * A network and a mount namespace of the cluster's own, held by a process that only sleeps. They have no name on the
 * host: when the last process in them ends, nothing of them is left.
 *
 * In the mount namespace the cluster has a hosts file, a /run, a /var/log and the fixed folders of kubelet and CNI to
 * itself, and its kubelet changes none of the host's kernel settings; the host sees none of these mounts.
 */
export async function createNamespaces(options: NamespaceOptions): Promise<SpawnedProcess> {
  await writeNamespaceFiles(options)
  const { command, args } = joinCgroup(options.cgroup, [
    'unshare',
    '--net',
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-euc',
    setUpMounts,
    'windlass-namespaces',
    options.stateDir,
  ])
  const holder = await spawnDetached(command, args, { logFile: join(options.stateDir, 'logs', 'namespaces.log') })
  await waitFor(
    async () => {
      const exit = holder.exit()
      if (exit) throw new Error(`the namespaces could not be made: ${exit}:\n${await tailOf(holder.logFile)}`)
      // It sleeps as soon as all is mounted.
      return (await commandOf(holder.pid)) === 'sleep' || undefined
    },
    async () => `the cluster's namespaces:\n${await tailOf(holder.logFile)}`,
    { timeoutMs: 15_000, everyMs: 10, ...(options.signal && { signal: options.signal }) },
  )
  await connect(holder, options)
  return holder
}

/** Starts a program in the control group and, given their holder, in the cluster's namespaces. */
export function launcher(cgroup: string, holder: ProcessIdentity, command: readonly string[], cwd?: string): Launcher {
  const namespaces = `/proc/${holder.pid}/ns`
  // Entering a mount namespace changes to its root, so the folder is changed to inside.
  const inFolder = cwd === undefined ? command : ['sh', '-c', 'cd "$0" && exec "$@"', cwd, ...command]
  return joinCgroup(cgroup, ['nsenter', `--net=${namespaces}/net`, `--mount=${namespaces}/mnt`, '--', ...inFolder])
}

/**
 * The shell puts itself into the control group before it becomes the program, so there is no moment at which a
 * process of the cluster's is elsewhere; where the group is gone, the program does not start.
 */
function joinCgroup(cgroup: string, command: readonly string[]): Launcher {
  return { command: 'sh', args: ['-c', 'echo 0 >"$0/cgroup.procs" && exec "$@"', cgroup, ...command] }
}

/**
 * What the kubelet sets in the kernel, for the whole machine, where it finds other values: here it finds these, and the
 * host keeps its own. https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ (protectKernelDefaults)
 */
const kernelSettings = `
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
`.trim()

/** Mount points must exist on the host; those below /var/lib do not on a host that never ran Kubernetes. */
const setUpMounts = `
state=$1
mount --make-rshared /
mount --bind "$state/etc/hosts" /etc/hosts
if [ -f /etc/resolv.conf ] && [ ! -L /etc/resolv.conf ]; then
  mount --bind "$state/etc/resolv.conf" /etc/resolv.conf
fi
mount -t tmpfs -o mode=0755,nosuid,nodev windlass /run
mkdir -p /run/lock /run/netns /run/containerd
mount --bind "$state/var-log" /var/log
mkdir -p /var/lib/kubelet /var/lib/cni
mount --bind "$state/kubelet" /var/lib/kubelet
mount --bind "$state/cni" /var/lib/cni
mkdir -p "$state/etc/sysctl"
while read -r setting value; do
  [ -e "/proc/sys/$setting" ] || continue
  pretended="$state/etc/sysctl/\${setting##*/}"
  echo "$value" >"$pretended"
  mount --bind "$pretended" "/proc/sys/$setting"
done <<END
${kernelSettings}
END
exec sleep infinity
`

async function writeNamespaceFiles({ stateDir, network, nodeName }: NamespaceOptions): Promise<void> {
  for (const folder of ['etc', 'logs', 'var-log', 'kubelet', 'cni']) {
    await mkdir(join(stateDir, folder), { recursive: true })
  }
  const hosts = [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    `${network.nodeIp} ${nodeName} ${nodeHostNames.join(' ')}`,
  ]
  await writeFile(join(stateDir, 'etc', 'hosts'), `${hosts.join('\n')}\n`)
  // The host's name server is out of reach: a name that is not the cluster's gets its answer, no, at once.
  await writeFile(join(stateDir, 'etc', 'resolv.conf'), `nameserver ${network.nodeIp}\n`)
}

/**
 * The cable between host and cluster. Each command is one of the cluster's processes too, so whoever finds the
 * control group empty knows that none is still at work on behalf of a command that was killed.
 */
async function connect(holder: ProcessIdentity, { network, cgroup, signal }: NamespaceOptions): Promise<void> {
  const options = signal ? { signal } : {}
  const { hostLink, hostIp, nodeIp, prefixLength } = network
  const onHost = [
    `link add ${hostLink} type veth peer name eth0 netns ${holder.pid}`,
    `address add ${hostIp}/${prefixLength} dev ${hostLink}`,
    `link set ${hostLink} up`,
  ]
  const inside = [
    'link set lo up',
    `address add ${nodeIp}/${prefixLength} dev eth0`,
    'link set eth0 up',
    // Service addresses are translated on their way out, so there must be a way out.
    `route add default via ${hostIp}`,
  ]
  const host = joinCgroup(cgroup, ['ip', '-batch', '-'])
  await run(host.command, host.args, { ...options, input: `${onHost.join('\n')}\n` })
  const namespace = launcher(cgroup, holder, ['ip', '-batch', '-'])
  await run(namespace.command, namespace.args, { ...options, input: `${inside.join('\n')}\n` })
  const forward = launcher(cgroup, holder, ['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward'])
  await run(forward.command, forward.args, options)
  const nft = launcher(cgroup, holder, ['nft', '-f', '-'])
  await run(nft.command, nft.args, { ...options, input: masquerade })
}

/** Only what leaves the cluster hides its pod's address: the host has no route back to it. */
const masquerade = `
table ip windlass {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr ${platform.podCidr} oifname "eth0" masquerade
  }
}
`

async function commandOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/comm`, 'utf8').then(
    (text) => text.trim(),
    () => '',
  )
}
