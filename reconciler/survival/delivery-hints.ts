import type { Test } from 'tap'
import { apiVersion, plural } from '../src/api/delivery.ts'
import type { TestCluster } from '../src/kube/test-cluster.ts'
import { createWatchSource } from '../src/kube/watch.ts'
import { systemClock } from '../src/runtime/clock.ts'

/** Tells when a Delivery may have changed, by one watch for all of them: many that are asked for all the time cost more. */
export class DeliveryHints {
  /** By namespace: in each of a test's there is one. */
  readonly #next = new Map<string, PromiseWithResolvers<void>>()

  private constructor() {}

  static async open(t: Test, cluster: TestCluster): Promise<DeliveryHints> {
    const hints = new DeliveryHints()
    const stop = new AbortController()
    const watches = createWatchSource({
      client: cluster.admin,
      clock: systemClock,
      random: Math.random,
      hooks: { restarted: () => hints.#tellAll(), bug: (_, error) => t.fail('the watch has a bug', { error }) },
    })
    const watch = watches.watch(
      { path: `/apis/${apiVersion}/${plural}` },
      (event) => (event.type === 'synced' ? hints.#tellAll() : hints.#tell(event.object.metadata.namespace ?? '')),
      stop.signal,
    )
    t.teardown(() => stop.abort())
    await watch.synced
    return hints
  }

  /** Resolves at the next change of what is in that namespace. */
  async next(namespace: string): Promise<void> {
    const known = this.#next.get(namespace) ?? Promise.withResolvers<void>()
    this.#next.set(namespace, known)
    return known.promise
  }

  #tell(namespace: string): void {
    this.#next.get(namespace)?.resolve()
    this.#next.delete(namespace)
  }

  #tellAll(): void {
    for (const namespace of this.#next.keys()) this.#tell(namespace)
  }
}
