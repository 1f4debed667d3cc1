/** Plays the controllers and the node of the one Deployment: its pods come up, or do not, as their image's nature is. */
import type { KubeObject } from '../src/api/object.ts'
import { formatTime } from '../src/api/time.ts'
import { parseImageReference } from '../src/core/image-reference.ts'
import type { FakeClock } from '../src/runtime/fake-clock.ts'
import type { Cluster } from './cluster.ts'
import type { HeldObject } from './held-object.ts'
import type { Nature, Repository } from './repository.ts'

const workload = 'Deployment/web'
const imagePath = 'f:spec\nf:template\nf:spec\nf:containers\nk:{"name":"web"}\nf:image'
const revisionPath = 'f:metadata\nf:annotations\nf:deployment.kubernetes.io/revision'
const slowMs = 20_000

export class WorkloadController {
  /** Whether nodes can pull what they do not run yet. */
  isPullBroken = false
  /** Every image that was seen ready, by its digest. */
  readonly everReady = new Set<string>()
  readonly #cluster: Cluster
  readonly #repository: Repository
  readonly #clock: FakeClock
  readonly #revisions = new Map<string, number>()
  #ready: string | undefined
  #uid: string | undefined
  readonly #listeners = new Set<() => void>()
  #fresh: { readonly template: string; readonly sinceMs: number; readonly madeAtMs: number } | undefined

  constructor(cluster: Cluster, repository: Repository, clock: FakeClock) {
    this.#cluster = cluster
    this.#repository = repository
    this.#clock = clock
    cluster.onWritten = (name) => {
      if (name === workload) this.react()
    }
  }

  /** Hears whenever pods may have changed, until the function that it answers is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What runs is gone, and must start anew. */
  evict(): void {
    this.#ready = undefined
    this.react()
  }

  react(): void {
    const held = this.#cluster.objects.get(workload)
    if (held === undefined) return
    if (held.uid !== this.#uid) {
      this.#uid = held.uid
      this.#ready = undefined
      this.#fresh = undefined
      this.#revisions.clear()
    }
    const template = templateOf(held)
    if (this.#fresh?.template !== template) this.#begin(template)
    if (this.#ready !== template && this.#comesUp(held)) this.#ready = template
    const digest = digestOf(held)
    if (this.#ready === template && digest !== undefined) this.everReady.add(digest)
    const revision = String(this.#revisions.get(template))
    if (held.leaves.get(revisionPath) !== revision) {
      // That is a write of the object, which brings us back.
      this.#cluster.edit(workload, 'kube-controller-manager', new Map([[revisionPath, revision]]))
      return
    }
    this.#cluster.setStatus(workload, this.#statusOf(held, template))
    for (const listener of this.#listeners) listener()
  }

  replicaSets(): readonly KubeObject[] {
    return [...this.#revisions].map(([template, revision]) => ({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: replicaSetName(revision),
        uid: `of ${template}`,
        annotations: { 'deployment.kubernetes.io/revision': String(revision) },
        ownerReferences: [controllerOf('Deployment', 'web', this.#uid ?? '')],
      },
    }))
  }

  pods(): readonly KubeObject[] {
    const held = this.#cluster.objects.get(workload)
    if (held === undefined) return []
    const template = templateOf(held)
    const old = this.#ready === undefined || this.#ready === template ? [] : [podOf(this.#ready, running(true))]
    const fresh = this.#ready === template ? running(true) : this.#failing(held)
    return [...old, podOf(template, fresh, this.#fresh?.madeAtMs)]
  }

  #begin(template: string): void {
    this.#revisions.set(template, Math.max(0, ...this.#revisions.values()) + 1)
    this.#fresh = { template, sinceMs: this.#clock.monotonicMs(), madeAtMs: this.#clock.nowMs() }
    this.#clock.after(slowMs, () => this.react())
  }

  #comesUp(held: HeldObject): boolean {
    if (this.isPullBroken) return false
    const nature = this.#natureOf(held)
    if (nature === 'slow') return this.#clock.monotonicMs() >= (this.#fresh?.sinceMs ?? 0) + slowMs
    return nature === 'good'
  }

  #natureOf(held: HeldObject): Nature {
    const digest = digestOf(held)
    return digest === undefined ? 'good' : this.#repository.natureOf(digest)
  }

  #statusOf({ generation, leaves }: HeldObject, template: string): object {
    const wanted = Number(leaves.get('f:spec\nf:replicas') ?? 1)
    const isReady = this.#ready === template
    const old = this.#ready === undefined || isReady ? 0 : 1
    const replicas = wanted + old
    const available = (isReady ? wanted : 0) + old
    return { observedGeneration: generation, replicas, updatedReplicas: wanted, availableReplicas: available }
  }

  #failing(held: HeldObject): object {
    if (this.isPullBroken) {
      const message = 'failed to resolve reference "x": unexpected status: 503 Service Unavailable'
      return { ready: false, restartCount: 0, state: { waiting: { reason: 'ErrImagePull', message } } }
    }
    if (this.#natureOf(held) !== 'crashing') return running(false)
    return {
      ready: false,
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    }
  }
}

function templateOf({ leaves }: HeldObject): string {
  const template = [...leaves].filter(([path]) => path.startsWith('f:spec\nf:template'))
  return JSON.stringify(template.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function digestOf({ leaves }: HeldObject): string | undefined {
  const reference = parseImageReference(String(leaves.get(imagePath)))
  return reference.kind === 'parsed' ? reference.value.digest : undefined
}

function running(isReady: boolean): object {
  return { ready: isReady, restartCount: 0, state: { running: {} } }
}

function podOf(template: string, container: object, madeAtMs = 0): KubeObject {
  const isReady = (container as { readonly ready: boolean }).ready
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `web-${isReady ? 1 : 2}`,
      creationTimestamp: formatTime(madeAtMs),
      ownerReferences: [controllerOf('ReplicaSet', 'web', `of ${template}`)],
    },
    spec: { containers: [{ name: 'web', image: 'web' }] },
    status: {
      phase: 'Running',
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Ready', status: isReady ? 'True' : 'False' },
      ],
      containerStatuses: [{ name: 'web', ...container }],
    },
  }
}

function controllerOf(kind: string, name: string, uid: string) {
  return { apiVersion: 'apps/v1', kind, name, uid, controller: true }
}

function replicaSetName(revision: number): string {
  return `web-${revision}`
}
