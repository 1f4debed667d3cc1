import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem } from '../../calls/problem.ts'
import type { Call } from '../../calls/call.ts'
import {
  ClusterIsUpError,
  type Leftovers,
  type LocalBackend,
  type LocalCluster,
  type LocalUpOptions,
  type UpOptions,
} from '../backend.ts'
import { readFacts, writeFacts } from '../cluster-file.ts'
import { assertClusterName } from '../cluster-name.ts'
import { frontDoorCaFile } from '../front-door.ts'
import { withLock, type HeldLock } from '../lock.ts'
import { stateDir } from '../paths.ts'
import { kindRunner, type RunnerFor } from './calls.ts'
import { type KindClusterFacts, nodeRunner, openKindCluster } from './cluster.ts'
import { writeNodeFiles } from './config.ts'
import { nameFrontDoors } from './names.ts'

/** A cluster in a container of the Docker engine, by kind: https://kind.sigs.k8s.io. It needs no root. */
export function kindBackend(runner: RunnerFor = kindRunner()): LocalBackend {
  return {
    name: 'kind',
    leavesNo: 'container, volume or folder',
    up: (options) => locked(options, () => up(options, runner)),
    down: (options) =>
      locked(options, async (lock) => {
        options.onStep?.(`deleting cluster ${kindName(options.name)}`)
        await clear(options.name, runner)
        await lock.discard()
      }),
    find: (name) => find(name, runner),
    names: folders,
    leftovers: (name) => leftovers(name, runner),
  }
}

/** Each cluster has one; locks lie beside them. */
async function folders(): Promise<readonly string[]> {
  const entries = await readdir(stateDir('kind'), { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

/** What kind and Docker know it by; nothing else of ours is named so. */
const kindName = (name: string): string => `windlass-${name}`
const nodeOf = (name: string): string => `${kindName(name)}-control-plane`
const folderOf = (name: string): string => stateDir('kind', name)
const kubeconfigOf = (name: string): string => join(folderOf(name), 'kubeconfig')

function locked<T>({ name, signal, onStep }: UpOptions, work: (lock: HeldLock) => Promise<T>): Promise<T> {
  assertClusterName(name)
  const onWait = (): void => onStep?.(`waiting for another command on cluster ${name} to end`)
  return withLock(stateDir('kind', `${name}.lock`), { ...(signal && { signal }), onWait }, work)
}

async function up(options: LocalUpOptions, runner: RunnerFor): Promise<LocalCluster> {
  const { name, onStep, mustBeNew = false } = options
  const found = await find(name, runner)
  if (found !== undefined && mustBeNew) throw new ClusterIsUpError(name, 'kind')
  if (found !== undefined) return found
  onStep?.('clearing what an earlier cluster of that name left, if any')
  await clear(name, runner)
  try {
    return openKindCluster(await make(options, runner), runner)
  } catch (error) {
    onStep?.('clearing what was made')
    // The signal that ended the making must not end this.
    await clear(name, runner).catch((clearing: unknown) => {
      throw new Error(`${String(error)}\nand then: ${String(clearing)}`, { cause: error })
    })
    throw error
  }
}

async function make({ name, signal, onStep }: UpOptions, runner: RunnerFor): Promise<KindClusterFacts> {
  const run = runner(signal)
  const [dir, nodeName, kubeconfig] = [folderOf(name), nodeOf(name), kubeconfigOf(name)]
  await mkdir(join(dir, 'bin'), { recursive: true, mode: 0o700 })
  const caFile = await frontDoorCaFile(dir)
  const pullCredential = { username: nodeName, password: randomBytes(24).toString('base64url') }
  const { configFile, auditLog } = await writeNodeFiles({ stateDir: dir, caFile, pullCredential })

  onStep?.('kind makes the node; the first time Docker pulls its image, 400 MB')
  const files = ['--config', configFile, '--kubeconfig', kubeconfig]
  await run(kindCall(['create', 'cluster', '--name', kindName(name), ...files, '--wait', '3m']))
  const nodeIp = await addressOf(nodeName, runner(signal))

  onStep?.('naming the registry in the node and in DNS')
  await nameFrontDoors(nodeRunner(nodeName, run), nodeIp)
  const inside = ['get', 'kubeconfig', '--internal', '--name', kindName(name)]
  const nodeKubeconfig = join(dir, 'node-kubeconfig')
  await writeFile(nodeKubeconfig, (await run({ ...kindCall(inside), isSecret: true })).stdout, { mode: 0o600 })
  const kubectl = join(dir, 'bin', 'kubectl')
  await run({ program: 'docker', args: ['cp', `${nodeName}:/usr/bin/kubectl`, kubectl] })

  const facts = { name, backend: 'kind', kubeconfig, stateDir: dir, nodeIp, nodeName, auditLog, caFile } as const
  const whole: KindClusterFacts = { ...facts, kubectl, pullCredential, nodeKubeconfig }
  await writeFacts(whole)
  return whole
}

function kindCall(args: readonly string[]): Call {
  return { program: 'kind', args }
}

/** On the engine's own network, which this machine routes. */
async function addressOf(nodeName: string, run: ReturnType<RunnerFor>): Promise<string> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  const { stdout } = await run({ program: 'docker', args: ['inspect', '--format', format, nodeName] })
  const address = stdout.trim()
  if (/^\d+(\.\d+){3}$/.test(address)) return address
  throw new Problem({
    what: `the node ${nodeName}`,
    why: `it has no address of its own, but '${address}'`,
    mend: 'look at docker inspect, then type the same again',
  })
}

/** Leaves nothing of it; kind's command is content where there is none. */
async function clear(name: string, runner: RunnerFor): Promise<void> {
  await runner()(kindCall(['delete', 'cluster', '--name', kindName(name), '--kubeconfig', kubeconfigOf(name)]))
  await rm(folderOf(name), { recursive: true, force: true })
}

async function find(name: string, runner: RunnerFor): Promise<LocalCluster | undefined> {
  assertClusterName(name)
  const facts = await readFacts<KindClusterFacts>(folderOf(name))
  if (facts === undefined) return undefined
  const { run, call } = nodeRunner(facts.nodeName, runner())
  try {
    const { stdout } = await run(call(['kubectl', 'get', '--raw', '/readyz']))
    return stdout.trim() === 'ok' ? openKindCluster(facts, runner) : undefined
  } catch (error) {
    // The node is gone, or its API server: no cluster that answers.
    if (error instanceof Problem) return undefined
    throw error
  }
}

async function leftovers(name: string, runner: RunnerFor): Promise<Leftovers> {
  const run = runner()
  const docker = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await run({ program: 'docker', args })).stdout.split(/\s+/).filter(Boolean)
  const ours = ['--filter', `label=io.x-k8s.kind.cluster=${kindName(name)}`, '--format', '{{.Names}}']
  const containers = () => docker('ps', '--all', ...ours)
  const mounts = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
  const nodes = await containers()
  const volumes = nodes.length === 0 ? [] : await docker('inspect', '--format', mounts, ...nodes)
  return async () => {
    const [containersLeft, volumesLeft] = [await containers(), await docker('volume', 'ls', '--quiet')]
    return [
      ...containersLeft.map((container) => `container ${container}`),
      ...volumes.filter((volume) => volumesLeft.includes(volume)).map((volume) => `volume ${volume}`),
      ...(await folders()).filter((folder) => folder === name).map((folder) => `folder ${stateDir('kind', folder)}`),
    ]
  }
}
