import { AppError } from '../core/errors.ts'
import { scanFirstPage, type Tag, type TagScan } from '../core/tag-scan.ts'
import { digestOf, startMs } from '../core/test-builders.ts'
import type { BundleContent, BundleReference, ImageFacts, ScanRequest, TagSource } from '../registry/tag-source.ts'

export interface Push {
  readonly tag?: string
  /** The number of the push where it is not named. */
  readonly sequence?: number | undefined
  readonly documents?: readonly unknown[]
  readonly hasBundle?: boolean
}

/** One repository of a registry in memory, behind our own port: what the loop sees of one, and what it asked. */
export class TestRegistry implements TagSource {
  readonly asked: string[] = []
  /** Thrown by every call while it is set. */
  failure: AppError | undefined
  /** Awaited by every scan before it answers. */
  gate: Promise<void> = Promise.resolve()
  readonly #tags = new Map<string, Tag>()
  readonly #facts = new Map<string, Omit<ImageFacts, 'digest' | 'mediaType'>>()
  readonly #bundles = new Map<string, BundleReference & BundleContent>()
  readonly #spoilt = new Set<string>()
  #onBundles: (() => Promise<void>) | undefined
  readonly #path: string
  #pushes = 0

  /** `path` is that of the repository, without its host. */
  constructor(path = 'web') {
    this.#path = path
  }

  /** The tag that was pushed last, and the one before it. */
  get latest(): string {
    return `r${this.#pushes}`
  }

  get before(): string {
    return `r${this.#pushes - 1}`
  }

  /** The n-th push is tag `rN`, a minute after the one before, with its bundle unless told otherwise. */
  push(options: Push = {}): Tag {
    this.#pushes += 1
    const n = this.#pushes
    const atMs = startMs + n * 60_000
    const tag: Tag = { name: options.tag ?? `r${n}`, digest: digestOf(n), createdAtMs: atMs, updatedAtMs: atMs }
    this.#tags.set(tag.name, tag)
    const sequence = 'sequence' in options ? options.sequence : n
    this.#facts.set(tag.digest, { revision: tag.name, ...(sequence !== undefined && { sequence }) })
    if (options.hasBundle !== false) this.attach(tag, options.documents)
    return tag
  }

  attach(tag: Tag, documents: readonly unknown[] = [workload(this.#path)]): void {
    const digest = digestOf(1000 + this.#bundles.size)
    this.#bundles.set(digest, { digest, subject: tag.digest, revision: tag.name, documents })
  }

  /** Answers nothing any more, as while it is down. */
  fail(): void {
    this.failure = new AppError({ kind: 'retryable', reason: 'RegistryUnavailable', message: 'no answer' })
  }

  delete(name: string): void {
    this.#tags.delete(name)
  }

  /** Points a tag at another digest, as a second push under the same name does. */
  move(name: string): void {
    const before = this.#tags.get(name)
    if (before === undefined) throw new Error(`there is no tag ${name}`)
    this.#pushes += 1
    const moved = { ...before, digest: digestOf(this.#pushes), updatedAtMs: startMs + this.#pushes * 60_000 }
    this.#tags.set(name, moved)
    this.#facts.set(moved.digest, { revision: name })
  }

  async scan(request: ScanRequest, signal: AbortSignal): Promise<TagScan> {
    await this.#ask('scan', signal)
    await this.gate
    const all = [...this.#tags.values()].sort((a, b) => b.updatedAtMs - a.updatedAtMs)
    const step = scanFirstPage(request, all, true)
    if (step.kind !== 'done') throw new Error('one page holds all')
    return step.scan
  }

  async tag(_: string, name: string, signal: AbortSignal): Promise<Tag | undefined> {
    await this.#ask(`tag ${name}`, signal)
    return this.#tags.get(name)
  }

  async image(repository: string, digest: string, signal: AbortSignal): Promise<ImageFacts | undefined> {
    await this.#ask(`image ${digest}`, signal)
    if (this.#spoilt.has(digest)) {
      throw new AppError({ kind: 'terminal', reason: 'ImageInvalid', message: `${repository}@${digest}: no image` })
    }
    const facts = this.#facts.get(digest)
    return facts && { digest, mediaType: 'application/vnd.oci.image.manifest.v1+json', ...facts }
  }

  async bundles(_: string, digest: string, signal: AbortSignal): Promise<readonly BundleReference[]> {
    await this.#ask(`bundles ${digest}`, signal)
    await this.#onBundles?.()
    return [...this.#bundles.values()].filter(({ subject }) => subject === digest)
  }

  async bundle(_: string, { digest }: BundleReference, signal: AbortSignal): Promise<BundleContent> {
    await this.#ask(`bundle ${digest}`, signal)
    const bundle = this.#bundles.get(digest)
    if (bundle !== undefined) return bundle
    throw new AppError({ kind: 'terminal', reason: 'BundleInvalid', message: `${digest}: no bundle` })
  }

  /** The next question for bundles is answered once it is opened. */
  holdBundles(): { readonly opened: () => void; readonly isAsked: Promise<void> } {
    const asked = Promise.withResolvers<void>()
    const open = Promise.withResolvers<void>()
    this.#onBundles = async () => {
      asked.resolve()
      await open.promise
    }
    return { opened: () => open.resolve(), isAsked: asked.promise }
  }

  /** Makes an image one that can't be run. */
  spoil(digest: string): void {
    this.#spoilt.add(digest)
  }

  async #ask(what: string, signal: AbortSignal): Promise<void> {
    this.asked.push(what)
    signal.throwIfAborted()
    if (this.failure !== undefined) throw this.failure
  }
}

/** A Deployment that runs an image of the repository. */
export function workload(path: string, name = 'web'): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name, image: path }] },
      },
    },
  }
}

export function settings(values: Readonly<Record<string, string>>, name = 'settings'): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: values }
}
