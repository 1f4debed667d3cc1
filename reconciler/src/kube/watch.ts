/**
 * List and watch, kept up until its signal aborts. client-node's informer reconnects every 30 s when nothing happens,
 * never asks for bookmarks, stops on most errors and swallows what its callback throws; this loop does not.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import { backoffMs } from '../core/backoff.ts'
import { AppError } from '../core/errors.ts'
import type { Clock } from '../runtime/clock.ts'
import { abortedError, refusedError, type KubeClient, type KubeRequest } from './client.ts'
import { linesOf } from './lines.ts'
import type { KubeObject, Watch, WatchEvent, WatchRequest, WatchSource } from './ports.ts'
import { parseRefusal, type Refusal } from './refusal.ts'
import { createWatchStore } from './watch-store.ts'

/** `ended`: the server closed it in time. `expired`: listed anew. */
export type RestartCause = 'ended' | 'expired' | 'stalled' | 'failed'

export interface WatchHooks {
  /** Counts every time a list or a watch is begun again. */
  restarted(path: string, cause: RestartCause, error: AppError | undefined): void
  /** Something threw that should not have, first of all a callback; the watch goes on. */
  bug(path: string, error: unknown): void
}

export interface WatchSourceOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly random: () => number
  readonly hooks: WatchHooks
  readonly tuning?: Partial<WatchTuning>
}

export interface WatchTuning {
  readonly pageSize: number
  /** How long the server keeps a watch open: up to twice this, drawn each time. */
  readonly minWatchS: number
  /**
   * The server sends a bookmark every minute, also where nothing changes (seen in v1.36); on a loaded machine it may be
   * late.
   */
  readonly stallMs: number
  readonly backoffBaseMs: number
  readonly backoffCapMs: number
  /** A watch that lasted this long was none of the failures before it. */
  readonly steadyMs: number
  readonly maxEventBytes: number
}

const defaults: WatchTuning = {
  pageSize: 500,
  minWatchS: 1_800,
  stallMs: 120_000,
  backoffBaseMs: 200,
  backoffCapMs: 30_000,
  steadyMs: 10_000,
  // etcd holds no object above 1.5 MiB, in a terser encoding.
  maxEventBytes: 16 * 1024 * 1024,
}

export function createWatchSource(options: WatchSourceOptions): WatchSource {
  return { watch: (request, onEvent, signal) => startWatch(options, request, onEvent, signal) }
}

interface ObjectList<T> {
  readonly kind?: string
  readonly apiVersion?: string
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items: readonly T[] | null
}

interface RawEvent<T> {
  readonly type: string
  readonly object: T
}

/** How a watch came to its end. */
interface End {
  readonly cause: RestartCause
  readonly error?: AppError
}

function startWatch<T extends KubeObject>(
  { client, clock, random, hooks, tuning }: WatchSourceOptions,
  request: WatchRequest,
  onEvent: (event: WatchEvent<T>) => void,
  signal: AbortSignal,
): Watch<T> {
  const { pageSize, minWatchS, stallMs, backoffBaseMs, backoffCapMs, steadyMs, maxEventBytes } = {
    ...defaults,
    ...tuning,
  }
  const store = createWatchStore<T>()
  const firstSync = Promise.withResolvers<void>()
  // Nobody need wait for it.
  firstSync.promise.catch(() => {})
  let resourceVersion: string | undefined
  let problem: AppError | undefined

  function emit(events: ReadonlyArray<WatchEvent<T>>): void {
    for (const event of events) {
      try {
        onEvent(event)
      } catch (error) {
        hooks.bug(request.path, error)
      }
    }
  }

  async function list(): Promise<string> {
    const items: T[] = []
    for (let next: string | undefined; ;) {
      const page: ObjectList<T> = await client.request<ObjectList<T>>({
        ...baseRequest(request, 'list', signal),
        query: { ...selectorsOf(request), limit: pageSize, continue: next },
        accept: acceptOf(request, 'PartialObjectMetadataList'),
      })
      items.push(...(page.items ?? []).map((item) => ({ ...typeOfItems(page), ...item })))
      next = page.metadata.continue
      if (!next) {
        emit(store.replace(items))
        problem = undefined
        firstSync.resolve()
        return page.metadata.resourceVersion
      }
    }
  }

  /** Follows from `resourceVersion`, which it moves on with every event, until the watch ends one way or another. */
  async function follow(from: string): Promise<End> {
    resourceVersion = from
    const connection = new AbortController()
    const onAbort = () => connection.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const stalled = new AppError({
      kind: 'retryable',
      reason: 'ApiUnavailable',
      message: `watch ${request.path}: nothing came for ${stallMs} ms, not even a bookmark`,
    })
    const onSilence = () => connection.abort(stalled)
    let cancelStall = clock.after(stallMs, onSilence)
    try {
      const watchRequest = {
        ...baseRequest(request, 'watch', connection.signal),
        query: {
          ...selectorsOf(request),
          watch: true,
          resourceVersion: from,
          allowWatchBookmarks: true,
          timeoutSeconds: Math.round(minWatchS * (1 + random())),
        },
        accept: acceptOf(request, 'PartialObjectMetadata'),
        lane: request.lane ?? 'watches',
      }
      const answer = await client.stream(watchRequest)
      if (!answer.ok) {
        const error = refusedError(answer.refusal, watchRequest)
        return { cause: isOfNoUse(answer.refusal) ? 'expired' : 'failed', error }
      }
      problem = undefined
      const heard = heardOf(answer.body, () => {
        cancelStall()
        cancelStall = clock.after(stallMs, onSilence)
      })
      for await (const line of linesOf(heard, maxEventBytes)) {
        const end = take(JSON.parse(line) as RawEvent<T>, watchRequest)
        if (end !== undefined) return end
      }
      return { cause: 'ended' }
    } catch (error) {
      if (error === stalled) return { cause: 'stalled', error: stalled }
      return { cause: 'failed', error: appErrorOf(error, request) }
    } finally {
      cancelStall()
      signal.removeEventListener('abort', onAbort)
    }
  }

  function take({ type, object }: RawEvent<T>, watchRequest: KubeRequest): End | undefined {
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        emit(store.put(object))
        break
      case 'DELETED':
        emit(store.remove(object))
        break
      case 'BOOKMARK':
        break
      case 'ERROR': {
        const { code } = object as { readonly code?: number }
        const refusal = parseRefusal(code ?? 500, JSON.stringify(object))
        return { cause: isOfNoUse(refusal) ? 'expired' : 'failed', error: refusedError(refusal, watchRequest) }
      }
      default:
        throw new SyntaxError(`a watch event of type ${type}`)
    }
    resourceVersion = object.metadata.resourceVersion ?? resourceVersion
    return undefined
  }

  async function round(): Promise<End> {
    try {
      return await follow(resourceVersion ?? (await list()))
    } catch (error) {
      return { cause: 'failed', error: appErrorOf(error, request) }
    }
  }

  async function run(): Promise<void> {
    let failures = 0
    let wasDeaf = false
    while (!signal.aborted) {
      const startedAtMs = clock.monotonicMs()
      const from = resourceVersion
      const { cause, error } = await round()
      if (signal.aborted) break
      // From a version that an etcd restored from a backup has not come to, nothing is told for as long as that lasts.
      const isDeaf = cause === 'stalled' && resourceVersion === from
      if (cause === 'expired' || (isDeaf && wasDeaf)) resourceVersion = undefined
      wasDeaf = isDeaf
      problem = error
      hooks.restarted(request.path, cause, error)
      const isSteady = clock.monotonicMs() - startedAtMs >= steadyMs
      failures = isSteady ? 1 : failures + 1
      const waitMs = backoffMs({ attempt: failures, baseMs: backoffBaseMs, capMs: backoffCapMs, random: random() })
      await clock.sleep(Math.max(waitMs, error?.retryAfterMs ?? 0), signal).catch(() => {})
    }
    firstSync.reject(abortedError(signal, `list ${request.path}`))
  }

  run().catch((error: unknown) => hooks.bug(request.path, error))
  return {
    synced: firstSync.promise,
    get problem() {
      return problem
    },
    get: (key) => store.get(key),
    list: () => store.list(),
  }
}

function baseRequest({ path, tenant }: WatchRequest, verb: 'list' | 'watch', signal: AbortSignal) {
  return { method: 'GET', path, what: `${verb} ${path}`, signal, ...(tenant !== undefined && { tenant }) } as const
}

function selectorsOf({ labelSelector, fieldSelector }: WatchRequest) {
  return { labelSelector, fieldSelector }
}

/** The version is too old to go on from, or one that the server has not come to. */
function isOfNoUse({ code, causes }: Refusal): boolean {
  return code === 410 || causes.some(({ reason }) => reason === 'ResourceVersionTooLarge')
}

function acceptOf({ metadataOnly }: WatchRequest, as: string): string {
  return metadataOnly === true ? `application/json;as=${as};g=meta.k8s.io;v=v1` : 'application/json'
}

/** The items of a typed list do not say what they are. */
function typeOfItems({ kind, apiVersion }: ObjectList<unknown>) {
  return {
    ...(kind !== undefined && { kind: kind.replace(/List$/, '') }),
    ...(apiVersion !== undefined && { apiVersion }),
  }
}

async function* heardOf(chunks: AsyncIterable<Uint8Array>, onChunk: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    onChunk()
    yield chunk
  }
}

/** What is not an AppError yet is an answer that makes no sense: no JSON, no line, no known event. */
function appErrorOf(error: unknown, { path }: WatchRequest): AppError {
  if (error instanceof AppError) return error
  const message = `follow ${path}: the API server sent what is no watch event`
  return new AppError({ kind: 'retryable', reason: 'ApiUnavailable', message, cause: error })
}
