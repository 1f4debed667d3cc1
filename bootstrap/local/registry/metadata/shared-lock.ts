interface State {
  /** Settles when the last exclusive work that was asked for has ended. */
  barrier: Promise<void>
  /** Shared work asked for since then. */
  shared: Set<Promise<void>>
  users: number
}

/**
 * For each key, shared work beside other shared work, and exclusive work alone; whoever comes later than exclusive
 * work waits for it.
 */
export class SharedLock {
  readonly #states = new Map<string, State>()

  async shared<T>(key: string, work: () => Promise<T>): Promise<T> {
    const state = this.#enter(key)
    const { barrier, shared } = state
    const done = Promise.withResolvers<void>()
    shared.add(done.promise)
    try {
      await barrier
      return await work()
    } finally {
      done.resolve()
      shared.delete(done.promise)
      this.#leave(key, state)
    }
  }

  async exclusive<T>(key: string, work: () => Promise<T>): Promise<T> {
    const state = this.#enter(key)
    const before = [state.barrier, ...state.shared]
    const done = Promise.withResolvers<void>()
    state.barrier = done.promise
    state.shared = new Set()
    try {
      await Promise.all(before)
      return await work()
    } finally {
      done.resolve()
      this.#leave(key, state)
    }
  }

  #enter(key: string): State {
    const state = this.#states.get(key) ?? { barrier: Promise.resolve(), shared: new Set(), users: 0 }
    this.#states.set(key, state)
    state.users += 1
    return state
  }

  #leave(key: string, state: State): void {
    state.users -= 1
    if (state.users === 0) this.#states.delete(key)
  }
}
