/** A tenant with one Delivery and a repository of its own, and an installation of the reconciler that sees only that. */
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../../bootstrap/local/run.ts'
import { ensureTools } from '../../bootstrap/local/tools.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { apiVersion, kind, type Delivery, type DeliverySpec } from '../src/api/delivery.ts'
import type { KubeObject } from '../src/api/object.ts'
import { AppError } from '../src/core/errors.ts'
import type { TestCluster } from '../src/kube/test-cluster.ts'
import { hosts, pushRelease, type PushedRelease, type StandIn } from '../src/registry/test-stand-in.ts'
import { Tenancy } from '../src/runtime/test-loop.ts'
import { TestRegistry } from '../src/runtime/test-registry.ts'
import type { DeliveryHints } from './delivery-hints.ts'
import { installReconciler, type Installation } from './installation.ts'
import type { Program } from './reconciler-process.ts'

/** What the tests of a file share. */
export interface Lab {
  readonly cluster: TestCluster
  readonly standIn: StandIn
  readonly program: Program
  readonly hints: DeliveryHints
}

const patienceMs = 120_000
let sites = 0

export class Site {
  readonly lab: Lab
  readonly installation: Installation
  /** The Delivery's namespace, as an operator and the cluster's controllers see it. */
  readonly web: Tenancy
  /** Name of each bundle that was pushed: their digests differ with the name of the repository. */
  readonly bundles: Record<string, string> = {}

  constructor(lab: Lab, installation: Installation, web: Tenancy) {
    this.lab = lab
    this.installation = installation
    this.web = web
  }

  static async open(lab: Lab, purpose: string): Promise<Site> {
    const { cluster } = lab
    sites += 1
    const installation = await installReconciler(cluster, `${purpose} ${sites} windlass`)
    const namespace = await cluster.namespace(`${purpose} ${sites}`)
    await cluster.tenant(namespace, 'deployer')
    await cluster.grant(installation.account, namespace, [
      { apiGroups: [''], resources: ['serviceaccounts'], resourceNames: ['deployer'], verbs: ['impersonate'] },
      { apiGroups: ['apps'], resources: ['controllerrevisions'], verbs: ['get', 'list', 'create', 'delete'] },
    ])
    // Its registry is the stand-in, and polls come by their schedule.
    const web = new Tenancy(cluster, namespace, new TestRegistry(namespace), () => {})
    return new Site(lab, installation, web)
  }

  /** Path of the repository, without its host. */
  get repository(): string {
    return `team/${this.web.namespace}`
  }

  /** What CI does; the n-th push is tag `rN`. */
  async push(n: number, ...objects: readonly object[]): Promise<PushedRelease> {
    const tag = `r${n}`
    const manifests = objects.map((object) => JSON.stringify(object)).join('\n---\n')
    const annotations = { 'windlass.dev/sequence': String(n), 'org.opencontainers.image.revision': tag }
    const publisher = this.lab.standIn.publisher()
    // As CI does where the registry does not answer in time: a push is the same however often it is made.
    const pushed = await waitFor(
      () =>
        pushRelease(publisher, this.repository, tag, manifests, annotations).catch((error: unknown) => {
          if (error instanceof AppError && error.kind === 'retryable') return undefined
          throw error
        }),
      () => `${tag} to be pushed`,
      { timeoutMs: patienceMs },
    )
    this.bundles[pushed.bundle] = `BUNDLE ${tag}`
    return pushed
  }

  /** As an operator or a pipeline that has every right, in the Delivery's namespace. */
  async kubectl(args: readonly string[], objects: readonly object[]): Promise<void> {
    const { kubectl } = await ensureTools(['kubectl'])
    const where = [`--kubeconfig=${this.lab.cluster.server.kubeconfig}`, `--namespace=${this.web.namespace}`]
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
    await run(kubectl, [...where, ...args], { input })
  }

  async createDelivery(spec: Partial<DeliverySpec> = {}): Promise<void> {
    await this.lab.cluster.create(this.web.deliveries, {
      apiVersion,
      kind,
      metadata: { name: 'web' },
      spec: {
        image: { repository: `${hosts.registry}/${this.repository}`, tags: '^r[0-9]+$' },
        manifests: { attached: {} },
        serviceAccountName: 'deployer',
        poll: { schedule: '* * * * * *' },
        ...spec,
      },
    })
  }

  /** Waits until a release is awaited and nothing more is written before its pods change. */
  async untilAwaited(tag: string): Promise<void> {
    await this.until(`${tag} to be awaited`, ({ status }) => {
      const { rollout, conditions } = status ?? {}
      const said = conditions?.find(({ type }) => type === 'Ready')?.message ?? ''
      return rollout?.phase === 'Waiting' && rollout.revision.tag === tag && !said.endsWith(' health is awaited')
    })
  }

  /** Waits for a release, plays the Deployment controller, and waits until it runs and all is done. */
  async release(tag: string): Promise<void> {
    await this.untilAwaited(tag)
    await this.web.rollOut()
    await this.untilRuns(tag)
  }

  async untilRuns(tag: string): Promise<void> {
    await this.until(`${tag} to run`, ({ status }) => status?.current?.tag === tag && status.rollout === undefined)
  }

  /** Waits for an Event that says so; they are written behind the work, in the order in which they came about. */
  async untilTold(note: string): Promise<void> {
    const path = `/apis/events.k8s.io/v1/namespaces/${this.web.namespace}/events`
    const { admin, signal } = this.lab.cluster
    const notes = async () => {
      const request = { method: 'GET', path, what: `list ${path}`, signal } as const
      return (await admin.request<{ readonly items: ReadonlyArray<{ readonly note?: string }> }>(request)).items
    }
    await waitFor(
      async () => (await notes()).some((event) => event.note === note) || undefined,
      async () => `an Event that says ${note}; there are ${JSON.stringify(await notes())}`,
      { timeoutMs: patienceMs, everyMs: 50 },
    )
  }

  /** Waits until the last good release runs again, and all is told. */
  async untilRolledBack(): Promise<void> {
    await this.until('the last good release to run again', ({ status }) => {
      const ready = status?.conditions?.find(({ type }) => type === 'Ready')
      return status?.rollout === undefined && ready?.reason === 'RolledBack'
    })
  }

  /** As patient as `until`; path as in Tenancy. */
  async untilObject(path: string, isSo: (object: KubeObject | undefined) => boolean): Promise<void> {
    await waitFor(
      async () => isSo(await this.web.object(path)) || undefined,
      async () => `${path} is ${JSON.stringify(await this.web.object(path))}`,
      { timeoutMs: patienceMs, everyMs: 100 },
    )
  }

  /** More patient than a test of the loop alone: there are processes to start, and leases to run out. */
  async until(describe: string, isSo: (delivery: Delivery) => boolean): Promise<Delivery> {
    const deadline = performance.now() + patienceMs
    for (;;) {
      const changed = this.lab.hints.next(this.web.namespace)
      const delivery = await this.web.delivery()
      if (isSo(delivery)) return delivery
      const leftMs = deadline - performance.now()
      if (leftMs <= 0)
        throw new Error(`gave up: ${describe}; status is ${JSON.stringify(delivery.status, undefined, 1)}`)
      const isOver = new AbortController()
      await Promise.race([changed, sleep(leftMs, undefined, { signal: isOver.signal }).catch(() => undefined)])
      isOver.abort()
    }
  }

  /**
   * Where a process asks for all of the cluster, it is shown this namespace: many share one API server, and one would
   * else deliver what is another's.
   */
  rewrite(url: string): string {
    return url.replace(
      /^(\/api\/v1|\/apis\/[^/?]+\/[^/?]+)\/([a-z]+)(?=\?|$)/,
      (whole, root: string, resource: string) =>
        resource === 'namespaces' ? whole : `${root}/namespaces/${this.web.namespace}/${resource}`,
    )
  }
}
