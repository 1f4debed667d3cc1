import { AppError } from '../src/core/errors.ts'
import { scanFirstPage, scanNextPage, type ScanStep, type Tag, type TagScan } from '../src/core/tag-scan.ts'
import type { KubeObject } from '../src/api/object.ts'
import type { BundleContent, BundleReference, ImageFacts, ScanRequest } from '../src/registry/tag-source.ts'

export const host = 'contoso.azurecr.io'
export const path = 'web'
export const repositoryName = `${host}/${path}`

/** How the pods of an image fare. */
export type Nature = 'good' | 'slow' | 'crashing' | 'neverReady'

export interface Push {
  readonly sequence: 'next' | 'late' | 'none'
  readonly bundles: 'one' | 'none' | 'two' | 'hostile'
  readonly nature: Nature
  /** An object more than others have, so that it must be pruned after the next. */
  readonly hasExtra: boolean
}

export interface Image {
  readonly tag: string
  readonly digest: string
  readonly sequence?: number
  readonly pushedAtMs: number
}

export interface ListedImage extends Image {
  /** Its tag named another before. */
  readonly isMoved: boolean
}

/** What a registry is told to do wrong, so many times. */
export type Fault = 'page' | 'lookup' | 'throttled' | 'down'

const pageSize = 2

/** One repository: its tags in pages, newest first, its images, and the bundles attached to them. */
export class Repository {
  readonly pushed: Image[] = []
  readonly tags = new Map<string, Tag>()
  readonly faults = new Map<Fault, number>()
  readonly #natures = new Map<string, Nature>()
  readonly #facts = new Map<string, ImageFacts>()
  readonly #bundles = new Map<string, BundleReference & BundleContent>()
  readonly #nowMs: () => number
  #digests = 0
  #sequence = 10
  #lastMs = 0

  /** By its own clock, which no operator steps. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  push({ sequence, bundles, nature, hasExtra }: Push): Image {
    this.#sequence += 1
    const number = { next: this.#sequence, late: this.#sequence - 3, none: undefined }[sequence]
    const image = this.#add(`r${this.pushed.length + 1}`, number, nature)
    const atMs = this.#tick()
    this.tags.set(image.tag, { name: image.tag, digest: image.digest, createdAtMs: atMs, updatedAtMs: atMs })
    const pushed = { ...image, pushedAtMs: atMs }
    this.pushed.push(pushed)
    const count = { one: 1, none: 0, two: 2, hostile: 1 }[bundles]
    for (let n = 0; n < count; n += 1) this.attach(image, { hasExtra, isHostile: bundles === 'hostile' })
    return pushed
  }

  attach(image: Pick<Image, 'tag' | 'digest'>, content: { hasExtra?: boolean; isHostile?: boolean } = {}): void {
    const digest = this.#newDigest()
    const documents = documentsOf(digest, content)
    this.#bundles.set(digest, { digest, subject: image.digest, revision: image.tag, documents })
  }

  /** A second push under the same name. */
  move({ tag }: Image, nature: Nature): void {
    const before = this.tags.get(tag)
    if (before === undefined) return
    this.#sequence += 1
    const image = this.#add(tag, this.#sequence, nature)
    this.attach(image)
    this.tags.set(tag, { ...before, digest: image.digest, updatedAtMs: this.#tick() })
  }

  /** What the tags name now. */
  listed(): readonly ListedImage[] {
    return [...this.tags.values()].map(({ name: tag, digest, createdAtMs: pushedAtMs }) => {
      const { sequence } = this.#facts.get(digest) ?? {}
      const isMoved = !this.pushed.some((image) => image.tag === tag && image.digest === digest)
      return { tag, digest, pushedAtMs, isMoved, ...(sequence !== undefined && { sequence }) }
    })
  }

  natureOf(digest: string): Nature {
    return this.#natures.get(digest) ?? 'good'
  }

  turn(digest: string, nature: Nature): void {
    this.#natures.set(digest, nature)
  }

  /** The documents of a bundle, by its digest. */
  documents(bundleDigest: string): readonly KubeObject[] {
    return (this.#bundles.get(bundleDigest)?.documents ?? []) as readonly KubeObject[]
  }

  scan(goal: ScanRequest): TagScan {
    this.#fail('down')
    this.#fail('throttled')
    const all = [...this.tags.values()].sort((a, b) => b.updatedAtMs - a.updatedAtMs)
    let step: ScanStep | undefined
    for (let from = 0; ; from += pageSize) {
      if (from > 0) this.#fail('page')
      const page = all.slice(from, from + pageSize)
      const isLast = from + pageSize >= all.length
      step = step?.kind === 'more' ? scanNextPage(goal, step.progress, page, isLast) : scanFirstPage(goal, page, isLast)
      if (step.kind === 'done') return step.scan
      if (step.kind === 'invalid') throw new Error(step.problem)
    }
  }

  tag(name: string): Tag | undefined {
    this.#failLookup()
    return this.tags.get(name)
  }

  image(digest: string): ImageFacts | undefined {
    this.#failLookup()
    return this.#facts.get(digest)
  }

  bundlesOf(digest: string): readonly BundleReference[] {
    this.#failLookup()
    return [...this.#bundles.values()].filter(({ subject }) => subject === digest)
  }

  bundle(digest: string): BundleContent {
    this.#failLookup()
    const found = this.#bundles.get(digest)
    if (found === undefined) throw new AppError({ kind: 'terminal', reason: 'BundleInvalid', message: 'no bundle' })
    return found
  }

  #add(tag: string, sequence: number | undefined, nature: Nature): Omit<Image, 'pushedAtMs'> {
    const digest = this.#newDigest()
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const order = sequence === undefined ? {} : { sequence }
    this.#facts.set(digest, { digest, mediaType, revision: tag, ...order })
    this.#natures.set(digest, nature)
    return { tag, digest, ...order }
  }

  /** No two tags have the same time. */
  #tick(): number {
    this.#lastMs = Math.max(this.#nowMs(), this.#lastMs + 1_000)
    return this.#lastMs
  }

  #newDigest(): string {
    this.#digests += 1
    return `sha256:${this.#digests.toString(16).padStart(64, '0')}`
  }

  #failLookup(): void {
    this.#fail('down')
    this.#fail('throttled')
    this.#fail('lookup')
  }

  #fail(fault: Fault): void {
    const left = this.faults.get(fault) ?? 0
    if (left === 0) return
    this.faults.set(fault, left - 1)
    const isThrottled = fault === 'throttled'
    throw new AppError({
      kind: 'retryable',
      reason: isThrottled ? 'RegistryThrottled' : 'RegistryUnavailable',
      message: `the registry was told to fail: ${fault}`,
      ...(isThrottled && { retryAfterMs: 30_000 }),
    })
  }
}

/** Each object tells of which bundle it is, so that one of another would be seen. */
function documentsOf(bundle: string, { hasExtra = false, isHostile = false }): readonly object[] {
  const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { bundle } }
  const extra = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'extra' }, data: { bundle } }
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'secret' } }
  const elsewhere = { ...extra, metadata: { name: 'elsewhere', namespace: 'other' } }
  const web = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' }, annotations: { bundle } },
        spec: { containers: [{ name: 'web', image: path }] },
      },
    },
  }
  return [settings, ...(hasExtra ? [extra] : []), ...(isHostile ? [secret, elsewhere] : []), web]
}
