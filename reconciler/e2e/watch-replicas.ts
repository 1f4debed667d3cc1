/** What a Deployment shows of its number of pods, by a watch of the test's own. */
import type { Test } from 'tap'
import { waitFor } from '../../bootstrap/local/wait.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import type { TestCluster } from '../src/kube/test-cluster.ts'
import { createWatchSource } from '../src/kube/watch.ts'
import { systemClock } from '../src/runtime/clock.ts'
import type { Delivered } from './delivered.ts'

export interface Replicas {
  readonly wanted: number
  readonly available: number
  readonly updated: number
}

type Workload = Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>

/** All that a Deployment shows from now on, one entry a version of it; the answer waits until the watch has told all. */
export async function watchReplicas(
  t: Test,
  { admin }: TestCluster,
  web: Delivered,
  deployment: Workload,
): Promise<() => Promise<readonly Replicas[]>> {
  const versions: Replicas[] = []
  let version = ''
  const stopping = new AbortController()
  t.teardown(() => stopping.abort())
  const hooks = { restarted: () => {}, bug: (path: string, error: unknown) => t.fail(path, { error }) }
  const watches = createWatchSource({ client: admin, clock: systemClock, random: Math.random, hooks })
  const watch = watches.watch<KubeObject>(
    {
      path: `/apis/apps/v1/namespaces/${web.namespace}/deployments`,
      fieldSelector: `metadata.name=${deployment.metadata.name}`,
    },
    (event) => {
      if (event.type === 'synced') return
      version = event.object.metadata.resourceVersion ?? ''
      versions.push(replicasOf(event.type === 'deleted' ? undefined : event.object))
    },
    stopping.signal,
  )
  await watch.synced
  return async () => {
    await waitFor(
      async () => (await web.read(deployment))?.metadata.resourceVersion === version || undefined,
      () => 'the watch to have told all',
      { timeoutMs: 30_000 },
    )
    return versions.slice()
  }
}

/** Waits until that many pods are wanted, and all of them are there and of the newest release. */
export async function untilAvailable(web: Delivered, deployment: Workload, number: number): Promise<void> {
  await waitFor(
    async () => {
      const { wanted, available, updated } = replicasOf(await web.read(deployment))
      return (wanted === number && available === number && updated === number) || undefined
    },
    async () => `${number} pods to be available; it is ${JSON.stringify(replicasOf(await web.read(deployment)))}`,
    { timeoutMs: 180_000 },
  )
}

function replicasOf(object: KubeObject | undefined): Replicas {
  const { replicas } = (object?.['spec'] ?? {}) as { readonly replicas?: number }
  const { availableReplicas, updatedReplicas } = (object?.['status'] ?? {}) as Readonly<
    Record<string, number | undefined>
  >
  return { wanted: replicas ?? 0, available: availableReplicas ?? 0, updated: updatedReplicas ?? 0 }
}
