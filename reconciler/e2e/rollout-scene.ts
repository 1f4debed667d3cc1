/** A rollout on a real node, watched as its tenant, with no reconciler that would act on it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { healthOf } from '../src/core/health.ts'
import { readPod, type Pod } from '../src/core/pod.ts'
import { createPodSource } from '../src/kube/pods.ts'
import { collectionPath } from '../src/kube/paths.ts'
import type { KubeObject, PodSource, Tenant } from '../src/kube/ports.ts'
import { testCluster, type Rule, type TestCluster } from '../src/kube/test-cluster.ts'
import { createWatchSource } from '../src/kube/watch.ts'
import { systemClock } from '../src/runtime/clock.ts'
import { RolloutPods, type PodsLook } from '../src/runtime/rollout-pods.ts'

/** What a tenant's Role gives for a rollout to be seen through: manifests/predictor/operator, and StatefulSets. */
export const rolloutRights: readonly Rule[] = [
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch', 'delete'] },
  { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
  { apiGroups: [''], resources: ['events'], verbs: ['list'] },
  { apiGroups: ['apps'], resources: ['replicasets'], verbs: ['list'] },
]

export interface Scene {
  readonly cluster: TestCluster
  readonly namespace: string
  readonly tenant: Tenant
  readonly pods: PodSource
  /** Applies objects to the namespace; answers them as they then are. */
  apply(...objects: readonly object[]): Promise<readonly KubeObject[]>
  /** As it is now. */
  read(object: KubeObject): Promise<KubeObject>
  untilReady(...objects: readonly KubeObject[]): Promise<void>
  /** All pods of the namespace. */
  listPods(): Promise<readonly Pod[]>
  /** Judges the workloads again and again until what is seen is what is waited for; answers all that was seen. */
  watch(watching: Watching): Promise<readonly PodsLook[]>
  lastLog(look: PodsLook | undefined): Promise<string | undefined>
}

export interface Watching {
  readonly workloads: readonly KubeObject[]
  readonly bundled?: readonly string[]
  readonly sinceMs: number
  readonly isGoingBack?: boolean
  readonly until: (look: PodsLook) => boolean
}

const deadlineMs = 240_000

/** What tests of a file share. */
export function openStage(t: Test, platform: Platform): TestCluster {
  const { apiServerUrl: url, kubeconfig, auditLog } = platform.cluster
  let made = 0
  const namespaceName = (purpose: string) => `pods-${purpose}-${process.pid}-${(made += 1)}`
  return testCluster(t, { url, kubeconfig, caPem: '', auditLog, namespaceName })
}

export async function setScene(t: Test, cluster: TestCluster, labels: object = {}): Promise<Scene> {
  const { admin, signal } = cluster
  const namespace = cluster.server.namespaceName('scene')
  const path = `/api/v1/namespaces/${namespace}`
  await cluster.create('/api/v1/namespaces', { metadata: { name: namespace, labels } })
  const ends = new AbortController()
  t.teardown(async () => {
    ends.abort()
    await admin.request({ method: 'DELETE', path, what: `delete ${namespace}`, signal })
  })
  const tenant = await cluster.tenant(namespace, 'deployer', rolloutRights)
  const watches = createWatchSource({
    client: admin,
    clock: systemClock,
    random: Math.random,
    hooks: { restarted: () => {}, bug: (_, error) => t.error(error) },
  })
  const pods = createPodSource({ client: admin, watches })
  let changed = Promise.withResolvers<void>()
  const rolloutPods = new RolloutPods({
    pods,
    clock: systemClock,
    onChange() {
      changed.resolve()
      changed = Promise.withResolvers<void>()
    },
    onProblem: (_, error) => t.comment(error.message),
    signal: ends.signal,
  })
  t.teardown(() => rolloutPods.close())

  async function read(object: KubeObject): Promise<KubeObject> {
    return admin.request<KubeObject>({ method: 'GET', path: pathOf(object, namespace), what: 'read', signal })
  }

  return {
    cluster,
    namespace,
    tenant,
    pods,
    read,
    apply: (...objects) =>
      Promise.all(
        objects.map((object) =>
          admin.request<KubeObject>({
            method: 'PATCH',
            path: pathOf(object as KubeObject, namespace),
            query: { fieldManager: 'test', force: true },
            body: object,
            contentType: 'application/apply-patch+yaml',
            what: `apply ${(object as KubeObject).kind}`,
            signal,
          }),
        ),
      ),
    async listPods() {
      const path = collectionPath({ apiVersion: 'v1', group: '', plural: 'pods' }, namespace)
      const request = { method: 'GET', path, what: 'list pods', signal } as const
      const { items } = await admin.request<{ readonly items: readonly KubeObject[] }>(request)
      return items.map(readPod)
    },
    async untilReady(...objects) {
      await waitFor(
        async () => {
          const all = await Promise.all(objects.map(read))
          return all.every((object) => healthOf(object).state === 'current') || undefined
        },
        async () => JSON.stringify((await Promise.all(objects.map(read))).map((object) => healthOf(object))),
        { timeoutMs: deadlineMs, everyMs: 200 },
      )
    },
    async watch({ workloads, bundled = [], sinceMs, isGoingBack = false, until }) {
      const seen: PodsLook[] = []
      await waitFor(
        async () => {
          const next = changed.promise
          const look = await rolloutPods.look(
            namespace,
            {
              workloads: await Promise.all(workloads.map(read)),
              bundled: new Set(bundled),
              sinceMs,
              isGoingBack,
              tenant,
            },
            signal,
          )
          seen.push(look)
          if (until(look)) return true
          // A workload changes without its pods, too.
          await Promise.race([next, sleep(1_000)])
          return undefined
        },
        () => `what is told of the pods; the last was ${JSON.stringify(seen.at(-1))}`,
        { timeoutMs: deadlineMs, everyMs: 1 },
      )
      rolloutPods.release(namespace)
      return seen
    },
    async lastLog(look) {
      const { culprit } = look ?? {}
      return culprit === undefined ? undefined : rolloutPods.lastLog(namespace, culprit, tenant, signal)
    },
  }
}

const plurals: Readonly<Record<string, string>> = { LimitRange: 'limitranges', ResourceQuota: 'resourcequotas' }

function pathOf({ apiVersion, kind, metadata }: KubeObject, namespace: string): string {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
  const plural = plurals[kind] ?? `${kind.toLowerCase()}s`
  return `${collectionPath({ apiVersion, group, plural }, namespace)}/${metadata.name}`
}
