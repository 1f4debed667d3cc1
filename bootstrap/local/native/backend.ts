import { readFile, rm } from 'node:fs/promises'
import { ClusterIsUpError, type Leftovers, type LocalBackend, type LocalUpOptions, type UpOptions } from '../backend.ts'
import { readFacts } from '../cluster-file.ts'
import { assertClusterName } from '../cluster-name.ts'
import { ensurePackages } from '../debian.ts'
import { withLock } from '../lock.ts'
import { stateDir } from '../paths.ts'
import { isRunning, readBootId } from '../process.ts'
import { askReady } from '../readiness.ts'
import { ensureTools } from '../tools.ts'
import { clear } from './clear.ts'
import type { NativeCluster, NativeClusterFacts } from './cluster.ts'
import { holderName, openCluster } from './cluster.ts'
import { endedProcesses, readProcessFile } from './processes.ts'
import { clusterLock, listRecords, poolLock, readRecord, reserve } from './record.ts'
import { clusterTools, startCluster } from './start.ts'
import { leftovers, tracesOf } from './traces.ts'

/** A cluster on this machine itself: Linux, root, and nothing that runs containers already. */
export function nativeBackend(): LocalBackend<NativeCluster> {
  const leavesNo = 'process, namespace, mount, interface, firewall rule or control group'
  const names = async (): Promise<readonly string[]> => (await listRecords()).map(({ name }) => name)
  return { name: 'native', up, down, find, names, leavesNo, leftovers: noteTraces }
}

async function noteTraces(name: string): Promise<Leftovers> {
  // Namespaces have no names: what they were is known only as long as they are there.
  const traces = await tracesOf(name)
  return () => leftovers(name, traces)
}

async function up(options: LocalUpOptions): Promise<NativeCluster> {
  const { name, signal, onStep, mustBeNew = false } = options
  assertClusterName(name)
  assertRoot()
  await ensurePackages(['node'], options)
  const tools = await ensureTools(clusterTools, options)
  return withLock(clusterLock(name), lockOptions(options), async (lock) => {
    const found = await find(name)
    if (found !== undefined && mustBeNew) throw new ClusterIsUpError(name, 'native')
    if (found !== undefined && (await endedProcesses(found.stateDir)).length === 0) return found

    const leftover = await readRecord(name)
    if (leftover !== undefined) {
      onStep?.(`clearing what an earlier cluster ${name} left`)
      await clear(leftover)
    }
    const dir = clusterDir(name)
    await rm(dir, { recursive: true, force: true })
    onStep?.('reserving a network')
    const record = await withLock(poolLock, signal ? { signal } : {}, async (pool) => {
      const reserved = await reserve(name, dir, signal)
      await pool.discard()
      return reserved
    })
    try {
      return await startCluster({ record, tools, ...(signal && { signal }), ...(onStep && { onStep }) })
    } catch (error) {
      onStep?.('clearing what was started')
      await clear(record).catch((clearing: unknown) => {
        throw new Error(`${messageOf(error)}\nand then: ${messageOf(clearing)}`, { cause: error })
      })
      await lock.discard()
      throw error
    }
  })
}

async function down(options: UpOptions): Promise<void> {
  const { name, onStep } = options
  assertClusterName(name)
  assertRoot()
  await withLock(clusterLock(name), lockOptions(options), async (lock) => {
    const record = await readRecord(name)
    if (record !== undefined) {
      onStep?.(`clearing cluster ${name}`)
      await clear(record)
    }
    // Where the machine was started anew since, files may be all that is left.
    await rm(clusterDir(name), { recursive: true, force: true })
    await lock.discard()
  })
}

async function find(name: string): Promise<NativeCluster | undefined> {
  assertClusterName(name)
  const record = await readRecord(name)
  if (record === undefined || record.bootId !== (await readBootId())) return undefined
  const facts = await readFacts<NativeClusterFacts>(record.stateDir)
  const holder = await readProcessFile(record.stateDir, holderName)
  if (facts === undefined || holder === undefined || !(await isRunning(holder))) return undefined
  const { isReady } = await askReady({ url: facts.apiServerUrl, caPem: await readFile(facts.kubernetesCaFile, 'utf8') })
  return isReady ? openCluster(facts, holder) : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function clusterDir(name: string): string {
  return stateDir('clusters', name)
}

function lockOptions({ name, signal, onStep }: UpOptions) {
  return {
    ...(signal && { signal }),
    onWait: () => onStep?.(`waiting for another command on cluster ${name} to end`),
  }
}

function assertRoot(): void {
  if (process.getuid?.() === 0) return
  throw new Error('a cluster on this machine needs root, for namespaces, control groups and a node: use sudo')
}
