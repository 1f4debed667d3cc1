import { readdir, readFile, readlink } from 'node:fs/promises'
import { stateDir } from '../paths.ts'
import { readStat, ticksSinceBoot } from '../process.ts'
import { run } from '../run.ts'
import { readHierarchies } from './cgroups.ts'
import { cgroupOf, listRecords, networkOf, readRecord, runDir } from './record.ts'

/** What a cluster has on this machine while it is there, as the kernel tells it: to be looked for when it is gone. */
export interface Traces {
  readonly hostLink: string | undefined
  /** Of the cable between host and cluster. */
  readonly addresses: readonly string[]
  /** Like `net:[4026532000]`, of the processes that hold them. */
  readonly namespaces: readonly string[]
  /** When this was noted, in clock ticks since boot. */
  readonly atTicks: number
}

/** Of a cluster that was never there. */
export const noTraces: Traces = { hostLink: undefined, addresses: [], namespaces: [], atTicks: 0 }

export async function tracesOf(name: string): Promise<Traces> {
  const record = await readRecord(name)
  if (record === undefined) return noTraces
  const { hostLink, hostIp, nodeIp } = networkOf(record)
  const own = (await processes()).filter((process) => process.cgroups.includes(`/${cgroupOf(name)}/`))
  const hosts = await namespacesOf('self')
  const namespaces = own.flatMap((process) => process.namespaces).filter((namespace) => !hosts.includes(namespace))
  return {
    hostLink,
    addresses: [hostIp, nodeIp],
    namespaces: [...new Set(namespaces)].sort(),
    atTicks: await ticksSinceBoot(),
  }
}

/** Everything on this machine that is still that cluster's, in words; empty after `down`. */
export async function leftovers(name: string, noted: Traces): Promise<readonly string[]> {
  const traces = { ...noted, ...((await isNetworkGivenAgain(name, noted)) && { hostLink: undefined, addresses: [] }) }
  const found = await Promise.all([
    leftProcesses(name, traces),
    leftMounts(name, traces),
    leftLinks(traces),
    leftFirewallRules(traces),
    leftCgroups(name),
    leftFiles(name),
  ])
  return found.flat()
}

/** Once the cluster is gone another may have its number in the pool, and the names that follow from it. */
async function isNetworkGivenAgain(name: string, { hostLink }: Traces): Promise<boolean> {
  const records = await listRecords()
  return records.some((record) => record.name !== name && networkOf(record).hostLink === hostLink)
}

async function leftProcesses(name: string, { namespaces, atTicks }: Traces): Promise<readonly string[]> {
  const dir = stateDir('clusters', name)
  return (await processes()).flatMap(({ pid, commandLine, cgroups, startTicks, namespaces: its }) => {
    // A zombie has no command line; it is gone but for its parent's taking note.
    if (commandLine === '') return []
    const held = its.filter((namespace) => namespaces.includes(namespace))
    if (cgroups.includes(`/${cgroupOf(name)}/`) || commandLine.includes(`${dir}/`))
      return `process ${pid}: ${commandLine}`
    // The kernel gives a namespace's number again: who came since, and is not of the cluster, has another one.
    if (held.length === 0 || startTicks > atTicks) return []
    return `namespace ${held.join(', ')}, held by process ${pid}: ${commandLine}`
  })
}

/** A mount keeps a namespace too, as `ip netns add` does. */
async function leftMounts(name: string, { namespaces }: Traces): Promise<readonly string[]> {
  const dir = stateDir('clusters', name)
  const mounts = await Promise.all(['self', '1'].map((pid) => readFile(`/proc/${pid}/mountinfo`, 'utf8')))
  return [...new Set(mounts.flatMap((text) => text.split('\n')))].flatMap((line) => {
    const [, , , source = '', mountPoint = ''] = line.split(' ')
    return `${mountPoint}/`.startsWith(`${dir}/`) || namespaces.includes(source) ? `mount ${mountPoint}` : []
  })
}

async function leftLinks({ hostLink, addresses }: Traces): Promise<readonly string[]> {
  const links = JSON.parse((await run('ip', ['-json', 'address', 'show'])).stdout || '[]') as readonly Link[]
  return links
    .filter(
      ({ ifname, addr_info = [] }) =>
        ifname === hostLink || addr_info.some(({ local }) => local !== undefined && addresses.includes(local)),
    )
    .map(({ ifname }) => `interface ${ifname}`)
}

interface Link {
  readonly ifname: string
  readonly addr_info?: readonly { readonly local?: string }[]
}

/** nftables shows what iptables wrote as well. */
async function leftFirewallRules({ hostLink, addresses }: Traces): Promise<readonly string[]> {
  const marks = new Set([...addresses, hostLink])
  const { stdout } = await run('nft', ['--stateless', 'list', 'ruleset'])
  return stdout
    .split('\n')
    .filter((line) => line.split(/[\s"/,{}]+/).some((word) => marks.has(word)))
    .map((line) => `firewall rule ${line.trim()}`)
}

async function leftCgroups(name: string): Promise<readonly string[]> {
  const groups = await Promise.all(
    (await readHierarchies()).map(async ({ mountPoint }) => {
      const entries = await readdir(mountPoint)
      return entries.filter((entry) => entry === cgroupOf(name)).map((entry) => `control group ${mountPoint}/${entry}`)
    }),
  )
  return groups.flat()
}

async function leftFiles(name: string): Promise<readonly string[]> {
  const [states, records] = await Promise.all([stateDir('clusters'), runDir].map((dir) => readdir(dir).catch(() => [])))
  return [
    ...(states ?? []).filter((entry) => entry === name).map((entry) => `folder ${stateDir('clusters', entry)}`),
    ...(records ?? []).filter((entry) => entry.startsWith(`${name}.`)).map((entry) => `file ${runDir}/${entry}`),
  ]
}

interface ProcessTraces {
  readonly pid: string
  readonly commandLine: string
  readonly cgroups: string
  readonly startTicks: number
  readonly namespaces: readonly string[]
}

async function processes(): Promise<readonly ProcessTraces[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
  // One that ends while it is looked at has left nothing.
  const read = (pid: string, file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
  return Promise.all(
    pids.map(async (pid) => ({
      pid,
      commandLine: (await read(pid, 'cmdline')).replaceAll('\0', ' ').trim(),
      cgroups: await read(pid, 'cgroup'),
      startTicks: (await readStat(Number(pid)))?.startTicks ?? Infinity,
      namespaces: await namespacesOf(pid),
    })),
  )
}

async function namespacesOf(pid: string): Promise<readonly string[]> {
  const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts']
  const links = await Promise.all(kinds.map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => '')))
  return links.filter((link) => link !== '')
}
