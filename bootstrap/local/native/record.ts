import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readJsonIfThere, writeWhole } from '../files.ts'
import { run } from '../run.ts'
import { readBootId } from '../process.ts'

/**
 * What a cluster may have on this machine. It is written before the first of it is made and deleted after the last of
 * it is gone, so whoever comes after a command that was killed knows what to look for.
 *
 * Records lie where every user's commands find them: interfaces and control groups are the machine's, not the user's.
 */
export interface ClusterRecord {
  readonly name: string
  /** Which /30 of the pool is its network. */
  readonly slot: number
  readonly stateDir: string
  /** Nothing but files outlives a boot. */
  readonly bootId: string
}

/** What follows from a record: the names and numbers on the host that are this cluster's. */
export interface ClusterNetwork {
  /** The host's end of the cable into the cluster. */
  readonly hostLink: string
  readonly hostIp: string
  readonly nodeIp: string
  readonly prefixLength: number
}

export const runDir = '/run/windlass'

/** Held while a cluster of that name is brought up or down. */
export function clusterLock(name: string): string {
  return join(runDir, `${name}.lock`)
}

/** Held while a slot is chosen. */
export const poolLock = join(runDir, 'pool.lock')

export function networkOf({ slot }: Pick<ClusterRecord, 'slot'>): ClusterNetwork {
  return {
    hostLink: `windlass${slot}`,
    hostIp: `${poolPrefix}.${slot}.1`,
    nodeIp: `${poolPrefix}.${slot}.2`,
    prefixLength: 30,
  }
}

/** Path of the cluster's control group below the root of each hierarchy. */
export function cgroupOf(name: string): string {
  return `windlass-${name}`
}

export async function readRecord(name: string): Promise<ClusterRecord | undefined> {
  return readJsonIfThere<ClusterRecord>(recordFile(name))
}

export async function listRecords(): Promise<readonly ClusterRecord[]> {
  const files = await readdir(runDir).catch(() => [])
  const names = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length))
  const records = await Promise.all(names.map(readRecord))
  return records.filter((record) => record !== undefined)
}

/** Chooses a free slot and writes the record; the caller holds {@link poolLock}. */
export async function reserve(name: string, stateDir: string, signal?: AbortSignal): Promise<ClusterRecord> {
  const bootId = await readBootId()
  const records = (await listRecords()).filter((record) => record.bootId === bootId)
  const { stdout } = await run('ip', ['-json', '-4', 'address', 'show'], signal && { signal })
  const addresses = (JSON.parse(stdout) as readonly AddressesOfLink[]).flatMap((link) =>
    link.addr_info.map((address) => address.local),
  )
  const taken = new Set([...records.map((record) => record.slot), ...addresses.flatMap(slotOfAddress)])
  const slot = Array.from({ length: slots }, (_, index) => index).find((index) => !taken.has(index))
  if (slot === undefined) {
    throw new Error(`all ${slots} networks of ${poolPrefix}.0.0/16 are taken; bring clusters down (see ${runDir})`)
  }
  const record = { name, slot, stateDir, bootId }
  await mkdir(runDir, { recursive: true, mode: 0o755 })
  await writeWhole(recordFile(name), `${JSON.stringify(record)}\n`)
  return record
}

/** The last thing that goes. */
export async function deleteRecord(name: string): Promise<void> {
  await rm(`${recordFile(name)}.new`, { force: true })
  await rm(recordFile(name), { force: true })
}

interface AddressesOfLink {
  readonly addr_info: readonly { readonly local: string }[]
}

const poolPrefix = '10.77'
const slots = 256

function recordFile(name: string): string {
  return join(runDir, `${name}.json`)
}

function slotOfAddress(address: string): readonly number[] {
  return address.startsWith(`${poolPrefix}.`) ? [Number(address.split('.')[2])] : []
}
