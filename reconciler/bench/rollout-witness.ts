import type { Delivery } from '../src/api/delivery.ts'
import { createKubeClient } from '../src/kube/client.ts'
import { loadKubeConfig } from '../src/kube/kubeconfig.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import { createTransport } from '../src/kube/transport.ts'
import { createWatchSource } from '../src/kube/watch.ts'
import { systemClock } from '../src/runtime/clock.ts'

/** When a release became ready, and when its Delivery said so: epoch milliseconds by this process's clock. */
export interface Witnessed {
  readonly readyAtMs: number
  readonly noticedAtMs: number
}

export interface WitnessedRollout {
  readonly namespace: string
  /** Name of the Deployment, and of the Delivery. */
  readonly name: string
}

/** Watches of our own, beside the reconciler's and in another process, on an administrator's behalf. */
export interface RolloutWitness {
  /** Resolves when the Delivery says that this image is ready; rejects when the signal aborts. */
  noticed(digest: string, signal: AbortSignal): Promise<Witnessed>
  close(): Promise<void>
}

interface DeploymentObject extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly generation?: number }
  readonly spec: { readonly replicas?: number; readonly template: object }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly availableReplicas?: number
  }
}

export async function watchRollouts(kubeconfig: string, rollout: WitnessedRollout): Promise<RolloutWitness> {
  const { namespace, name } = rollout
  const transport = createTransport({
    config: loadKubeConfig({ file: kubeconfig }),
    userAgent: 'windlass-bench',
    monotonicMs: () => systemClock.monotonicMs(),
  })
  const problems: unknown[] = []
  const watches = createWatchSource({
    client: createKubeClient({ transport, requestTimeoutMs: 10_000 }),
    clock: systemClock,
    random: Math.random,
    hooks: {
      restarted: (_path, _cause, error) => error && problems.push(error),
      bug: (_path, error) => problems.push(error),
    },
  })
  const lifetime = new AbortController()
  const readyAtMs = new Map<string, number>()
  const noticedAtMs = new Map<string, number>()
  let onChange = (): void => {}

  const deployments = watches.watch<DeploymentObject>(
    { path: `/apis/apps/v1/namespaces/${namespace}/deployments`, fieldSelector: `metadata.name=${name}` },
    (event) => {
      if (event.type === 'synced' || !isRolledOut(event.object)) return
      for (const digest of digestsIn(event.object)) keepFirst(readyAtMs, digest)
      onChange()
    },
    lifetime.signal,
  )
  const deliveries = watches.watch<KubeObject & Delivery>(
    { path: `/apis/windlass.dev/v1alpha1/namespaces/${namespace}/deliveries`, fieldSelector: `metadata.name=${name}` },
    (event) => {
      const digest = event.type === 'synced' ? undefined : readyDigest(event.object)
      if (digest === undefined) return
      keepFirst(noticedAtMs, digest)
      onChange()
    },
    lifetime.signal,
  )
  await Promise.all([deployments.synced, deliveries.synced])

  return {
    async noticed(digest, signal) {
      const done = Promise.withResolvers<Witnessed>()
      const abort = (): void =>
        done.reject(new Error('the rollout did not come to its end in time', { cause: problems }))
      onChange = () => {
        const [ready, noticed] = [readyAtMs.get(digest), noticedAtMs.get(digest)]
        if (ready !== undefined && noticed !== undefined) done.resolve({ readyAtMs: ready, noticedAtMs: noticed })
      }
      signal.addEventListener('abort', abort, { once: true })
      onChange()
      try {
        return await done.promise
      } finally {
        signal.removeEventListener('abort', abort)
        onChange = () => {}
      }
    },
    async close() {
      lifetime.abort()
      await transport.close()
    },
  }
}

/** As `kubectl rollout status` has it: our own word, not the reconciler's. */
function isRolledOut({ metadata, spec, status = {} }: DeploymentObject): boolean {
  const wanted = spec.replicas ?? 1
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status
  return (
    observedGeneration >= (metadata.generation ?? 0) &&
    updatedReplicas === wanted &&
    replicas === wanted &&
    availableReplicas === wanted
  )
}

function digestsIn({ spec: { template } }: DeploymentObject): readonly string[] {
  return JSON.stringify(template).match(/sha256:[0-9a-f]{64}/g) ?? []
}

function readyDigest({ status }: Delivery): string | undefined {
  const isReady = status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
  return isReady ? status?.current?.digest : undefined
}

function keepFirst(times: Map<string, number>, digest: string): void {
  if (!times.has(digest)) times.set(digest, Date.now())
}
