import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Call, Runner } from '../../calls/call.ts'
import type { ClusterFacts, ExecOptions, ExecResult, LocalCluster, PullCredential } from '../backend.ts'
import { frontDoorAuthority } from '../front-door.ts'
import type { RunnerFor } from './calls.ts'

export interface KindClusterFacts extends ClusterFacts {
  readonly backend: 'kind'
  readonly nodeIp: string
  /** Of the container. */
  readonly nodeName: string
  readonly auditLog: string
  readonly caFile: string
  readonly kubectl: string
  readonly pullCredential: PullCredential
  /** The kubeconfig for programs that run in the node, where the API server has another address. */
  readonly nodeKubeconfig: string
}

/** Runs programs in the node as its root. */
export interface NodeRunner {
  readonly run: Runner
  readonly call: (command: readonly string[], input?: string) => Call
}

export function nodeRunner(nodeName: string, run: Runner): NodeRunner {
  return {
    run,
    call: (command, input) => ({
      program: 'docker',
      args: ['exec', ...(input === undefined ? [] : ['--interactive']), nodeName, ...command],
      ...(input !== undefined && { input }),
    }),
  }
}

/** What programs run as in the node: whoever runs us, so that what they write in our folders is ours. */
const owner = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`

/** The cluster whose one node is a container of the Docker engine; its programs run in that container. */
export function openKindCluster(facts: KindClusterFacts, runner: RunnerFor): LocalCluster {
  const { stateDir, nodeName } = facts
  const exec = (command: string, args: readonly string[], options: ExecOptions = {}) =>
    execInNode(facts, [command, ...args], options, runner)
  return {
    ...facts,
    nameServers: [],
    exec,
    startProcess: async (name, command, args) => {
      const files = join(stateDir, 'processes', name)
      const [pidFile, logFile] = [`${files}.pid`, `${files}.log`] as const
      await mkdir(join(stateDir, 'processes'), { recursive: true })
      await writeFile(logFile, '', { flag: 'a' })
      await exec('sh', ['-c', stopScript, 'sh', pidFile])
      const detached = ['sh', '-c', startScript, 'sh', pidFile, logFile, command, ...args]
      await runner()({ program: 'docker', args: ['exec', '--detach', ...optionsOf(facts, {}), nodeName, ...detached] })
      return { logFile }
    },
    issueCertificate: async (request) => (await frontDoorAuthority(stateDir)).issue(request),
    issuerKeys: async (dir, signal) => {
      const { stdout } = await exec('kubectl', ['get', '--raw', '/openid/v1/jwks'], signal && { signal })
      const file = join(dir, 'issuer-keys.json')
      await writeFile(file, stdout)
      return { file }
    },
    killPod: (uid) => killPod(nodeRunner(nodeName, runner()), uid),
  }
}

function execInNode(
  facts: KindClusterFacts,
  command: readonly string[],
  { input, signal, ...options }: ExecOptions,
  runner: RunnerFor,
): Promise<ExecResult> {
  if (input !== undefined && typeof input !== 'string') throw new TypeError('a program in the node is given text alone')
  const interactive = input === undefined ? [] : ['--interactive']
  return runner(signal)({
    program: 'docker',
    args: ['exec', ...interactive, ...optionsOf(facts, options), facts.nodeName, ...command],
    ...(input !== undefined && { input }),
  })
}

function optionsOf(facts: KindClusterFacts, { env, cwd }: Pick<ExecOptions, 'env' | 'cwd'>): readonly string[] {
  const variables = Object.entries({ HOME: facts.stateDir, KUBECONFIG: facts.nodeKubeconfig, ...env })
  return [
    '--user',
    owner,
    ...variables.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...(cwd === undefined ? [] : ['--workdir', cwd]),
  ]
}

const startScript = 'echo $$ >"$1"; log=$2; shift 2; exec "$@" >>"$log" 2>&1'
const stopScript = `pid=$(cat "$1" 2>/dev/null) && kill "$pid" 2>/dev/null || exit 0
for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || exit 0; sleep 0.1; done
kill -KILL "$pid"`

/** Without time to end in, the container runtime kills at once. */
async function killPod({ run, call }: NodeRunner, uid: string): Promise<void> {
  const { stdout } = await run(call(['crictl', 'ps', '--quiet', '--label', `io.kubernetes.pod.uid=${uid}`]))
  const containers = stdout.split('\n').filter(Boolean)
  if (containers.length === 0) throw new Error(`no container of pod ${uid} runs`)
  await run(call(['crictl', 'stop', '--timeout', '0', ...containers]))
}
