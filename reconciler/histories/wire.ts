import { AppError } from '../src/core/errors.ts'

/** What becomes of a process, or of one of its requests, at one of the requests to come. */
export interface Mishap {
  readonly kind: 'kill' | 'hold' | 'fail' | 'pause'
  /** Requests until then; of `hold` those that write. */
  readonly after: number
  /** Whether the request has taken effect by then; of `hold` it takes effect later. */
  readonly moment: 'before' | 'after'
}

export interface Call {
  /** What it goes to; the API server where it is not told. */
  readonly to?: 'registry'
  readonly isWrite: boolean
  readonly signal: AbortSignal
}

export interface WireHooks {
  /** The process is no more. */
  readonly killed: () => void
  /** The process stands still with a request on the wire, which takes effect when `land` is called. */
  readonly held: (land: () => void) => void
  /** An operator pauses while work is under way. */
  readonly paused: () => void
  readonly isLeader: () => boolean
}

const never = new Promise<never>(() => {})

/** All that a process asks of the API server and of the registry passes here. */
export class Wire {
  readonly #hooks: WireHooks
  #mishap: Mishap | undefined
  #isCut = false

  constructor(hooks: WireHooks) {
    this.#hooks = hooks
  }

  /** One at a time; a later one takes its place. */
  plan(mishap: Mishap): void {
    this.#mishap = mishap
  }

  /** What was planned and has not happened. */
  forgetMishap(): void {
    this.#mishap = undefined
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** From now on no request is sent and no answer comes. */
  cut(): void {
    this.#isCut = true
  }

  async call<T>({ to, isWrite, signal }: Call, effect: (isLate: boolean) => T): Promise<T> {
    // As kube/guard-writes.ts does it.
    if (isWrite && !this.#hooks.isLeader()) throw leaseLost()
    signal.throwIfAborted()
    await Promise.resolve()
    if (this.#isCut) return never
    const mishap = this.#due(isWrite)
    if (mishap?.kind === 'hold') {
      this.#hooks.held(() => attempt(() => effect(true)))
      await aborted(signal)
      throw leaseLost()
    }
    if (mishap?.kind === 'kill') {
      if (mishap.moment === 'after') attempt(() => effect(false))
      this.cut()
      this.#hooks.killed()
      return never
    }
    if (mishap?.kind === 'fail') {
      if (mishap.moment === 'after') attempt(() => effect(false))
      const reason = to === 'registry' ? 'RegistryUnavailable' : 'ApiUnavailable'
      throw new AppError({ kind: 'retryable', reason, message: 'connection reset' })
    }
    signal.throwIfAborted()
    if (mishap?.kind === 'pause' && mishap.moment === 'before') this.#hooks.paused()
    const answer = effect(false)
    if (mishap?.kind === 'pause' && mishap.moment === 'after') this.#hooks.paused()
    await Promise.resolve()
    return this.#isCut ? never : answer
  }

  #due(isWrite: boolean): Mishap | undefined {
    const mishap = this.#mishap
    if (mishap === undefined || (mishap.kind === 'hold' && !isWrite)) return undefined
    this.#mishap = mishap.after === 0 ? undefined : { ...mishap, after: mishap.after - 1 }
    return mishap.after === 0 ? mishap : undefined
  }
}

function leaseLost(): AppError {
  return new AppError({ kind: 'aborted', reason: 'LeaseLost', message: 'this replica does not lead' })
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** Nobody hears of the answer. */
function attempt(effect: () => unknown): void {
  try {
    effect()
  } catch (error) {
    if (!(error instanceof AppError)) throw error
  }
}
