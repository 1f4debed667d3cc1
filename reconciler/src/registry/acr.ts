import type { TokenCredential } from '@azure/identity'
import type { Dispatcher } from 'undici'
import { BoundedMap } from '../core/bounded-map.ts'
import { AppError } from '../core/errors.ts'
import { parseRepository } from '../core/image-reference.ts'
import { scanFirstPage, scanNextPage } from '../core/tag-scan.ts'
import { findBundles, readBundle } from './bundle.ts'
import { readManifest } from './content.ts'
import type { IdentityWire } from './identity.ts'
import { readImageFacts, type ReadFacts } from './image-facts.ts'
import { RegistryConnection, type ConnectionLimits } from './registry-connection.ts'
import type { EndedRequest } from './registry-http.ts'
import { readTagPage, toTag } from './tag-pages.ts'
import type { BundleContent, BundleReference, ImageFacts, ScanRequest, Tag, TagScan, TagSource } from './tag-source.ts'
import { invalidAnswer, type Attempt } from './translate-error.ts'

export interface AcrOptions {
  /** WINDLASS_REGISTRIES: the only hosts that are ever asked, and so the only ones that see a credential. */
  readonly registries: readonly string[]
  /** Makes our identity; called once a registry, and again after that registry refused it. */
  readonly credential: (wire: IdentityWire) => TokenCredential
  /** Carries all requests to registries, blob stores and Entra ID; the caller's to close. */
  readonly dispatcher: Dispatcher
  /** The resource for which Entra ID is asked for a token, where it is not that of Azure's public cloud. */
  readonly audience?: string
  readonly limits?: Partial<ConnectionLimits>
  /** Told of every request that went out, when it has ended; for metrics. */
  readonly onRequest?: (ended: EndedRequest) => void
}

interface Place {
  readonly connection: RegistryConnection
  /** The repository without its host. */
  readonly name: string
  readonly attempt: (action: string) => Attempt
}

export const defaultAudience = 'https://containerregistry.azure.net'
/** Of a registry's limits (Basic has the least) most is left to the nodes that pull; a thousand polls fit in. */
export const defaultLimits: ConnectionLimits = {
  requests: { perMinute: 2_400, burst: 60 },
  referrers: { perMinute: 300, burst: 30 },
  concurrency: 16,
  longestPauseMs: 5_000,
  longestLineMs: 60_000,
  timeoutMs: 15_000,
}

const mostPages = 1_000
const mostFacts = 4_096

/** Azure Container Registry as the reconciler asks it; see tag-source.ts for what each call promises. */
export class AcrTagSource implements TagSource {
  readonly #options: AcrOptions
  readonly #lifetime = new AbortController()
  readonly #connections = new Map<string, RegistryConnection>()
  readonly #facts = new BoundedMap<string, ReadFacts>(mostFacts)

  constructor(options: AcrOptions) {
    this.#options = options
  }

  async scan(request: ScanRequest, signal: AbortSignal): Promise<TagScan> {
    const { connection, name, attempt: attemptTo } = this.#open(request.repository)
    const attempt = attemptTo(`list the tags of ${request.repository}`)
    return connection.call(name, attempt, signal, async ({ tags: client }) => {
      let page = await readTagPage(client, name, undefined, attempt, signal)
      let step = scanFirstPage(request, page.tags, page.next === undefined)
      for (let pages = 1; step.kind === 'more'; pages += 1) {
        if (pages === mostPages) throw invalidAnswer(attempt, `more than ${mostPages} pages of tags`)
        page = await readTagPage(client, name, page.next, attempt, signal)
        step = scanNextPage(request, step.progress, page.tags, page.next === undefined)
      }
      if (step.kind === 'invalid') throw invalidAnswer(attempt, step.problem)
      return step.scan
    })
  }

  async tag(repository: string, tag: string, signal: AbortSignal): Promise<Tag | undefined> {
    const { connection, name, attempt: attemptTo } = this.#open(repository)
    const attempt = attemptTo(`read tag ${tag} of ${repository}`)
    try {
      return await connection.call(name, attempt, signal, async ({ tags: client }) =>
        toTag(await client.getArtifact(name, tag).getTagProperties(tag, { abortSignal: signal }), attempt),
      )
    } catch (error) {
      if (error instanceof AppError && error.reason === 'RepositoryNotFound') return undefined
      throw error
    }
  }

  async image(repository: string, digest: string, signal: AbortSignal): Promise<ImageFacts | undefined> {
    const { connection, name, attempt: attemptTo } = this.#open(repository)
    const image = `${repository}@${digest}`
    const attempt = attemptTo(`read the manifest of ${image}`)
    const read =
      this.#facts.get(image) ??
      (await connection.call(name, attempt, signal, async ({ content }) => {
        const manifest = await readManifest(content, digest, attempt, signal)
        return manifest && readImageFacts(manifest.document, manifest.mediaType)
      }))
    if (read === undefined) return undefined
    this.#facts.set(image, read)
    if (read.kind === 'facts') return { digest, ...read.facts }
    throw new AppError({ kind: 'terminal', reason: 'ImageInvalid', message: `${image}: ${read.problem}` })
  }

  async bundles(repository: string, digest: string, signal: AbortSignal): Promise<readonly BundleReference[]> {
    const { connection, name } = this.#open(repository)
    return findBundles(connection, name, digest, signal)
  }

  async bundle(repository: string, reference: BundleReference, signal: AbortSignal): Promise<BundleContent> {
    const { connection, name } = this.#open(repository)
    return readBundle(connection, name, reference, signal)
  }

  /** Ends what is under way, also what the SDK does on nobody's behalf. */
  close(): void {
    this.#lifetime.abort(
      new AppError({ kind: 'aborted', reason: 'ShuttingDown', message: 'the registry adapter was closed' }),
    )
  }

  /** The one way in: no other host than those allowed is asked for anything, nor a token made for it. */
  #open(repository: string): Place {
    const parsed = parseRepository(repository)
    if (parsed.kind === 'invalid') {
      throw new AppError({
        kind: 'terminal',
        reason: 'SpecInvalid',
        message: `spec.image.repository: ${parsed.problem}`,
      })
    }
    const { registry, repository: name } = parsed.value
    if (!this.#options.registries.includes(registry)) {
      throw new AppError({
        kind: 'terminal',
        reason: 'RegistryNotAllowed',
        message: `registry ${registry} is not one of WINDLASS_REGISTRIES (${this.#options.registries.join(', ')}); nothing was asked of it`,
      })
    }
    return { connection: this.#connect(registry), name, attempt: (action) => ({ host: registry, action }) }
  }

  #connect(registry: string): RegistryConnection {
    const known = this.#connections.get(registry)
    if (known !== undefined) return known
    const { credential, dispatcher, audience = defaultAudience, limits, onRequest } = this.#options
    const connection = new RegistryConnection({
      registry,
      credential,
      dispatcher,
      audience,
      limits: { ...defaultLimits, ...limits },
      lifetime: this.#lifetime.signal,
      ...(onRequest !== undefined && { onRequest }),
    })
    this.#connections.set(registry, connection)
    return connection
  }
}
