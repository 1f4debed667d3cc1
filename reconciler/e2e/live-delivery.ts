/** A Delivery on a real node, delivered by the reconciler that runs in the cluster, from a repository of its own. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { platform as names } from '../../bootstrap/local/backend.ts'
import { reconcilerIdentity } from '../../bootstrap/local/identities.ts'
import { openLayout, readManifest } from '../../bootstrap/local/images/oci-image.ts'
import { writeStaticImage } from '../../bootstrap/local/native/static-image.ts'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { pushImage } from '../../bootstrap/local/registry-push.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { asCi } from '../bench/ci-publisher.ts'
import { apiVersion, kind, type Delivery } from '../src/api/delivery.ts'
import type { TestCluster } from '../src/kube/test-cluster.ts'
import { encodeBundle } from '../src/registry/bundle-format.ts'
import { pushBundle, readPushedImage, setTag } from '../src/registry/bundle-push.ts'
import { TestRegistry } from '../src/runtime/test-registry.ts'
import { Tenancy } from '../src/runtime/test-loop.ts'

/** All of a release but its bundle and its tag. */
export interface StagedImage {
  readonly digest: string
  /** Of the one layer, that no node has. */
  readonly layer: string
}

const patienceMs = 240_000

export class LiveDelivery {
  readonly repository: string
  readonly web: Tenancy
  readonly #platform: Platform
  readonly #cluster: TestCluster

  private constructor(platform: Platform, cluster: TestCluster, web: Tenancy) {
    this.#platform = platform
    this.#cluster = cluster
    this.web = web
    this.repository = `e2e/${web.namespace}`
  }

  static async create(platform: Platform, cluster: TestCluster, purpose: string): Promise<LiveDelivery> {
    const namespace = await cluster.namespace(purpose)
    await cluster.tenant(namespace, 'deployer')
    const { namespace: own, serviceAccount } = reconcilerIdentity
    await cluster.grant({ namespace: own, serviceAccountName: serviceAccount }, namespace, [
      { apiGroups: [''], resources: ['serviceaccounts'], resourceNames: ['deployer'], verbs: ['impersonate'] },
      { apiGroups: ['apps'], resources: ['controllerrevisions'], verbs: ['get', 'list', 'create', 'delete'] },
    ])
    const web = new Tenancy(cluster, namespace, new TestRegistry(namespace), () => {})
    const live = new LiveDelivery(platform, cluster, web)
    await cluster.create(web.deliveries, {
      apiVersion,
      kind,
      metadata: { name: 'web' },
      spec: {
        image: { repository: `${names.registryHost}/${live.repository}`, tags: '^r[0-9]+$' },
        manifests: { attached: {} },
        serviceAccountName: 'deployer',
        poll: { schedule: '*/2 * * * * *' },
      },
    })
    return live
  }

  /** Pushes an image of busybox by digest, another one each time. */
  async stage(): Promise<StagedImage> {
    const dir = await mkdtemp(join(tmpdir(), 'windlass-live-'))
    try {
      const program = join(dir, 'program')
      // What follows the end of a program is not looked at.
      await writeFile(program, Buffer.concat([await readFile('/bin/busybox'), randomBytes(16)]))
      await writeStaticImage(dir, { name: this.repository, program, entrypoint: 'busybox' })
      const image = await openLayout(join(dir, 'layout'))
      const { digest } = await pushImage(this.#platform.registry, image, this.repository, {})
      const [layer] = (await readManifest(image)).layers
      if (layer === undefined) throw new Error('the image has no layer')
      return { digest, layer: layer.digest }
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }

  /** Attaches the manifests of a Deployment that runs the image, and sets the tag last, as CI does. */
  async tag({ digest }: StagedImage, tag: string): Promise<void> {
    const { signal } = this.#cluster
    const manifests = JSON.stringify(deploymentOf(this.repository))
    await asCi(this.#platform, signal, async (connection) => {
      const image = await readPushedImage(connection, this.repository, digest, signal)
      const bundle = encodeBundle(manifests, image.subject, tag)
      await pushBundle(connection, this.repository, bundle, image.subject, signal)
      await setTag(connection, this.repository, tag, image, signal)
    })
  }

  async until(describe: string, isSo: (delivery: Delivery) => boolean): Promise<Delivery> {
    return waitFor(
      async () => {
        const delivery = await this.web.delivery()
        return isSo(delivery) ? delivery : undefined
      },
      async () => `${describe}; status is ${JSON.stringify((await this.web.delivery()).status, undefined, 1)}`,
      { timeoutMs: patienceMs, everyMs: 250 },
    )
  }

  async untilRuns(tag: string): Promise<Delivery> {
    return this.until(`${tag} to run`, ({ status }) => status?.current?.tag === tag && status.rollout === undefined)
  }

  /** Digests that the ready pods run, by the word of the container runtime. */
  async runningDigests(): Promise<readonly string[]> {
    const path = `/api/v1/namespaces/${this.web.namespace}/pods`
    const { admin, signal } = this.#cluster
    const { items } = await admin.request<{ readonly items: readonly RawPod[] }>({
      method: 'GET',
      path,
      what: 'list pods',
      signal,
    })
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .flatMap(({ status }) => status.containerStatuses ?? [])
      .filter(({ ready }) => ready)
      .map(({ imageID }) => imageID.replace(/^.*@/, ''))
  }

  /** Ends it with all that it has in the cluster. */
  async remove(): Promise<void> {
    const { admin, signal } = this.#cluster
    const path = `/api/v1/namespaces/${this.web.namespace}`
    await admin.request({ method: 'DELETE', path, what: `delete ${this.web.namespace}`, signal })
  }
}

interface RawPod {
  readonly metadata: { readonly deletionTimestamp?: string }
  readonly status: {
    readonly containerStatuses?: readonly { readonly ready: boolean; readonly imageID: string }[]
  }
}

function deploymentOf(repository: string): object {
  const labels = { app: 'web' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'app', image: repository, args: ['sleep', '3600'] }],
        },
      },
    },
  }
}
