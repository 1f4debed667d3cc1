/** For end-to-end tests: the predictor, installed by its chart in a Namespace of its own, and what a reader can see of it. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { platform as names } from '../local/backend.ts'
import { checkout } from '../local/checkout.ts'
import type { Platform } from '../local/platform.ts'
import { type PushedRelease, releasePredictor } from '../local/release.ts'
import { waitFor } from '../local/wait.ts'
import { chartFolder, type Helm, type Values } from './helm.ts'

const timeoutMs = 180_000

export class InstalledPredictor {
  readonly namespace: string
  readonly host: string
  /** Without its host. */
  readonly repository: string
  readonly #platform: Platform
  readonly #helm: Helm
  #sequence = 0

  constructor(platform: Platform, helm: Helm, namespace: string) {
    this.#platform = platform
    this.#helm = helm
    this.namespace = namespace
    this.host = `${namespace}.test`
    this.repository = `e2e/${namespace}`
  }

  /** The values of a tenant that Windlass delivers to. */
  tenant(more: Values = {}): Values {
    return {
      image: { repository: this.imageRepository },
      delivery: { schedule: '*/2 * * * * *', ...(more['delivery'] as object | undefined) },
    }
  }

  /** The values of a predictor that Helm delivers, by digest; with one pod, for no autoscaler is to be waited for. */
  byHelm(digest: string, more: Values = {}): Values {
    const image = { repository: this.imageRepository, digest }
    return { deliveredBy: 'helm', image, host: this.host, autoscaling: { minReplicas: 1 }, ...more }
  }

  get imageRepository(): string {
    return `${names.registryHost}/${this.repository}`
  }

  install(values: Values, ...args: readonly string[]): Promise<string> {
    const where = ['--namespace', this.namespace, '--create-namespace', '--values', '-']
    return this.#helm.run(['upgrade', '--install', 'predictor', chartFolder('predictor'), ...where, ...args], values)
  }

  uninstall(): Promise<string> {
    return this.#helm.run(['uninstall', 'predictor', '--namespace', this.namespace])
  }

  /** What CI does on a push; the manifests of the release are rendered by the chart, as they can be there too. */
  async release(): Promise<PushedRelease> {
    this.#sequence += 1
    const values = { ...this.byHelm(''), image: { repository: this.imageRepository, tag: 'set-by-windlass' } }
    const objects = await this.#helm.template('predictor', { ...values, namespace: { create: false } }, this.namespace)
    const folder = await mkdtemp(join(tmpdir(), 'windlass-chart-release-'))
    try {
      for (const { kind, ...rest } of objects) {
        await writeFile(join(folder, `${kind?.toLowerCase()}.json`), JSON.stringify({ kind, ...rest }))
      }
      return await releasePredictor({
        platform: this.#platform,
        source: checkout,
        sha: createHash('sha1').update(`${this.namespace} ${this.#sequence}`).digest('hex'),
        created: '2026-01-01T00:00:00Z',
        sequence: this.#sequence,
        repository: this.repository,
        manifests: folder,
      })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /** Waits until the Delivery says that this runs and is ready. */
  async untilReleased(sha: string): Promise<void> {
    await waitFor(
      async () => {
        const { status } = JSON.parse(await this.kubectl('get', 'delivery', 'predictor', '--output=json')) as {
          readonly status?: DeliveryStatus
        }
        const ready = status?.conditions?.find(({ type }) => type === 'Ready')
        return (status?.current?.tag === sha && ready?.status === 'True') || undefined
      },
      async () => `${sha} to run:\n${await this.kubectl('describe', 'delivery', 'predictor')}`,
      { timeoutMs, everyMs: 500 },
    )
  }

  /** Waits until what answers behind the Ingress says that it is this commit. */
  async untilServed(sha: string, ingressUrl: string): Promise<string> {
    let last = 'no answer'
    return waitFor(
      async () => {
        last = await this.version(ingressUrl)
        return last.includes(sha) ? last : undefined
      },
      () => `${this.host}/version to answer ${sha}: ${last}`,
      { timeoutMs: 60_000, everyMs: 200 },
    )
  }

  async version(ingressUrl: string): Promise<string> {
    const { statusCode, body } = await request(new URL('/version', ingressUrl), { headers: { host: this.host } })
    return `${statusCode} ${await body.text()}`
  }

  /** Names of the pods that are not on their way out. */
  async pods(): Promise<readonly string[]> {
    const { items } = JSON.parse(await this.kubectl('get', 'pods', '--output=json')) as {
      readonly items: readonly Pod[]
    }
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name)
      .sort()
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    const { stdout } = await this.#platform.cluster.exec('kubectl', ['--namespace', this.namespace, ...args])
    return stdout
  }
}

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
}

interface DeliveryStatus {
  readonly current?: { readonly tag: string }
  readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }>
}
