import { CoordinationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { cpus, loadavg } from 'node:os'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { asRoot, commandTyped } from '../../bootstrap/launch/as-root.mjs'
import { reconcilerIdentity } from '../../bootstrap/local/identities.ts'
import { readPodUsage, type PodUsage } from '../../bootstrap/local/native/pod-usage.ts'
import { clearAbandoned, nameOfOwn } from '../../bootstrap/local/abandoned.ts'
import { platformDown, platformUp, type Platform } from '../../bootstrap/local/platform.ts'

export interface BenchBounds {
  readonly signal: AbortSignal
  readonly onStep: (step: string) => void
}

export interface PlatformNeeds {
  /** Repositories that the reconciler delivers from, beside the predictor's: `bench/*`. */
  readonly delivered?: readonly string[]
}

/**
 * Runs a benchmark on a platform of its own, that goes down with it however it ends. Answers undefined, with the exit
 * code set, where it can't run here or was interrupted.
 */
export async function onPlatform<T>(
  work: (platform: Platform, bounds: BenchBounds) => Promise<T>,
  needs: PlatformNeeds = {},
): Promise<T | undefined> {
  if (process.getuid?.() !== 0) {
    const again = asRoot(
      commandTyped('bench', 'bench', [basename(process.argv[1] ?? '', '.ts'), ...process.argv.slice(2)]),
    )
    console.error(`This benchmark measures pods on a real node, and needs root for that: ${again}`)
    process.exitCode = 1
    return undefined
  }
  const name = nameOfOwn('bench')
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)))
  }
  const bounds = { signal: interruption.signal, onStep: say }
  try {
    await clearAbandoned(say)
    const platform = await platformUp({ name, ...needs, ...bounds })
    try {
      return await work(platform, bounds)
    } finally {
      await platform.close()
    }
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    say('interrupted')
    process.exitCode = 130
    return undefined
  } finally {
    // Taking down is not interrupted by the Ctrl-C that asked for it.
    await platformDown({ name, onStep: say })
  }
}

/** Progress goes beside the figures. */
export function say(line: string): void {
  console.error(line)
}

/** Figures mean little without it: what else the machine did while they were taken. */
export function describeLoad(): string {
  const [one = 0, five = 0] = loadavg()
  return `load of this machine: ${one.toFixed(2)} in the last minute, ${five.toFixed(2)} in the last five, ${cpus().length} processors`
}

export interface ReconcilerPod {
  readonly name: string
  readonly uid: string
  readonly isLeader: boolean
}

/** Both replicas; which of them leads is read from the lease. */
export async function reconcilerPods({ cluster }: Platform): Promise<readonly ReconcilerPod[]> {
  const { namespace } = reconcilerIdentity
  const config = new KubeConfig()
  config.loadFromFile(cluster.kubeconfig)
  const labelSelector = 'app.kubernetes.io/name=windlass'
  const { items } = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace, labelSelector })
  const leases = await config.makeApiClient(CoordinationV1Api).listNamespacedLease({ namespace })
  const holders = leases.items.map(({ spec }) => spec?.holderIdentity ?? '')
  const live = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
  return live.map(({ metadata: { name = '', uid = '' } = {} }) => ({
    name,
    uid,
    isLeader: holders.some((holder) => holder.startsWith(`${name}_`)),
  }))
}

export interface MeasuredUsage {
  /** Of both replicas, in the time that was measured. */
  readonly cpuMs: number
  /** Of the leader's pod: the most that was seen. */
  readonly rssMiB: number
  readonly leaderCpuMs: number
  readonly followerRssMiB: number
}

const lookEveryMs = 5_000
const sayEveryMs = 60_000

/** Watches what the reconciler's pods use for a time. Throws where a pod or the leader is another one at its end. */
export async function measureUsage(platform: Platform, seconds: number, signal: AbortSignal): Promise<MeasuredUsage> {
  const pods = await reconcilerPods(platform)
  const leaders = pods.filter(({ isLeader }) => isLeader)
  if (pods.length !== 2 || leaders.length !== 1) throw new Error(`of ${pods.length} replicas ${leaders.length} lead`)
  const read = async () =>
    Promise.all(pods.map(async (pod) => ({ pod, usage: await readPodUsage(platform.cluster.name, pod.uid) })))
  const before = await read()
  const samples = [before]
  const startedAtMs = performance.now()
  const endsAtMs = startedAtMs + seconds * 1_000
  let saidAtMs = startedAtMs
  for (let leftMs = seconds * 1_000; leftMs > 0; leftMs = endsAtMs - performance.now()) {
    await sleep(Math.min(leftMs, lookEveryMs), undefined, { signal })
    samples.push(await read())
    if (performance.now() - saidAtMs < sayEveryMs) continue
    saidAtMs = performance.now()
    say(`${Math.round((performance.now() - startedAtMs) / 1_000)} of ${seconds} s`)
  }
  const after = samples.at(-1) ?? before
  const now = await reconcilerPods(platform)
  if (JSON.stringify(byName(now)) !== JSON.stringify(byName(pods)))
    throw new Error('the pods are not the same any more')

  const cpuOf = (wanted: boolean, of: typeof before) => sum(of, wanted, ({ cpuMs }) => cpuMs)
  const rssOf = (wanted: boolean) => Math.max(...samples.map((sample) => sum(sample, wanted, ({ rssMiB }) => rssMiB)))
  const leaderCpuMs = cpuOf(true, after) - cpuOf(true, before)
  return {
    cpuMs: leaderCpuMs + cpuOf(false, after) - cpuOf(false, before),
    rssMiB: rssOf(true),
    leaderCpuMs,
    followerRssMiB: rssOf(false),
  }
}

function byName(pods: readonly ReconcilerPod[]): readonly ReconcilerPod[] {
  return pods.toSorted((one, other) => one.name.localeCompare(other.name))
}

function sum(
  sample: readonly { readonly pod: ReconcilerPod; readonly usage: PodUsage }[],
  isLeader: boolean,
  figure: (usage: PodUsage) => number,
): number {
  return sample.filter(({ pod }) => pod.isLeader === isLeader).reduce((total, { usage }) => total + figure(usage), 0)
}
