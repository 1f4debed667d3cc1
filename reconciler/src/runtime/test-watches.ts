import type { KubeObject } from '../api/object.ts'
import type { AppError } from '../core/errors.ts'
import type { Watch, WatchEvent, WatchRequest, WatchSource } from '../kube/ports.ts'
import { keyOf } from '../kube/watch-store.ts'

interface TestWatch {
  readonly request: WatchRequest
  readonly store: Map<string, KubeObject>
  readonly emit: (event: WatchEvent<KubeObject>) => void
  readonly synced: PromiseWithResolvers<void>
  problem: AppError | undefined
}

/** Watches that tell what a test says. */
export class TestWatches implements WatchSource {
  readonly #watches = new Map<string, TestWatch>()

  watch<T extends KubeObject>(request: WatchRequest, onEvent: (event: WatchEvent<T>) => void): Watch<T> {
    const watch: TestWatch = {
      request,
      store: new Map(),
      emit: onEvent as (event: WatchEvent<KubeObject>) => void,
      synced: Promise.withResolvers<void>(),
      problem: undefined,
    }
    this.#watches.set(request.path, watch)
    return {
      synced: watch.synced.promise,
      get problem() {
        return watch.problem
      },
      get: (key) => watch.store.get(key) as T | undefined,
      list: () => [...watch.store.values()] as T[],
    }
  }

  paths(): readonly string[] {
    return [...this.#watches.keys()]
  }

  request(path: string): WatchRequest | undefined {
    return this.#watches.get(path)?.request
  }

  sync(path: string): void {
    this.#watches.get(path)?.emit({ type: 'synced' })
    this.#watches.get(path)?.synced.resolve()
  }

  syncAll(): void {
    for (const path of this.paths()) this.sync(path)
  }

  fail(path: string, problem: AppError): void {
    const watch = this.#watches.get(path)
    if (watch !== undefined) watch.problem = problem
  }

  tell(path: string, object: KubeObject): void {
    this.#watches.get(path)?.store.set(keyOf(object), object)
    this.#watches.get(path)?.emit({ type: 'modified', object })
  }

  remove(path: string, object: KubeObject): void {
    this.#watches.get(path)?.store.delete(keyOf(object))
    this.#watches.get(path)?.emit({ type: 'deleted', object })
  }
}
