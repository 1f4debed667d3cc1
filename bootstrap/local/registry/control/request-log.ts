/** A request as it was answered. */
export interface LoggedRequest {
  /** Counts all requests since the start, from 1. */
  readonly sequence: number
  /** Epoch milliseconds of its arrival. */
  readonly atMs: number
  readonly host: string
  readonly method: string
  /** Without the query; percent-encodings resolved. */
  readonly path: string
  readonly query: string
  /** 0 where the connection ended before an answer. */
  readonly status: number
  /** All that was sent for it, head and body, before encryption. */
  readonly bytesSent: number
  readonly durationMs: number
  /** Name of the identity, where it was known. */
  readonly user?: string
  readonly repository?: string
  /** Id of the fault that it met. */
  readonly fault?: string
}

/** All of what is given must fit. */
export interface RequestQuery {
  /** Only requests that came after this one. */
  readonly after?: number
  readonly host?: string
  readonly method?: string
  /** A regular expression on the path. */
  readonly path?: string
  readonly repository?: string
  readonly user?: string
}

/** The requests that were answered last, as the witness of tests and benches. */
export class RequestLog {
  readonly #capacity: number
  readonly #open = new Set<number>()
  readonly #waiting = new Set<() => void>()
  #requests: LoggedRequest[] = []
  #sequence = 0

  constructor(capacity = 50_000) {
    this.#capacity = capacity
  }

  /** The number of a request that has arrived; `end` must follow. */
  begin(): number {
    this.#sequence += 1
    this.#open.add(this.#sequence)
    return this.#sequence
  }

  /** Number of the request that came last; what `after` of a later query is for. */
  get last(): number {
    return this.#sequence
  }

  end(request: LoggedRequest): void {
    this.#open.delete(request.sequence)
    this.#requests.push(request)
    if (this.#requests.length > 2 * this.#capacity) this.#requests = this.#requests.slice(-this.#capacity)
    if (this.#open.size > 0) return
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  /**
   * Resolves once all that has arrived is in the log, or the time is over. A client may have its answer a moment before
   * the server knows that it was sent: whoever counts, waits for this first.
   */
  async settled(timeoutMs = 1_000): Promise<void> {
    if (this.#open.size === 0) return
    const done = Promise.withResolvers<void>()
    this.#waiting.add(done.resolve)
    const timer = setTimeout(done.resolve, timeoutMs)
    await done.promise
    clearTimeout(timer)
    this.#waiting.delete(done.resolve)
  }

  /** In the order in which they were answered. */
  query(query: RequestQuery = {}): readonly LoggedRequest[] {
    const path = query.path === undefined ? undefined : new RegExp(query.path)
    return this.#requests
      .slice(-this.#capacity)
      .filter(
        (request) =>
          request.sequence > (query.after ?? 0) &&
          (query.host === undefined || request.host === query.host) &&
          (query.method === undefined || request.method === query.method) &&
          (path === undefined || path.test(request.path)) &&
          (query.repository === undefined || request.repository === query.repository) &&
          (query.user === undefined || request.user === query.user),
      )
  }

  clear(): void {
    this.#requests = []
  }
}
