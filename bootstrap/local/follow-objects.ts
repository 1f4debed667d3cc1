import type { KubeConfig, KubernetesListObject, KubernetesObject } from '@kubernetes/client-node'
import { ListWatch, Watch } from '@kubernetes/client-node'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'

export interface FollowOptions {
  readonly kubeConfig: KubeConfig
  readonly log: Logger
  /** Something may have changed; told again for each change, and when a list is complete. */
  readonly onChange: () => void
  readonly signal: AbortSignal
}

const restartDelayMs = 1_000

/**
 * Follows the objects of one kind until the signal aborts, across restarts of the API server. The answer tells them,
 * or nothing before the first list. For parts of the local platform: one small store, listed anew when in doubt.
 */
export function followObjects<T extends KubernetesObject>(
  options: FollowOptions,
  path: string,
  list: () => Promise<KubernetesListObject<T>>,
  fieldSelector?: string,
): () => readonly T[] | undefined {
  const { kubeConfig, log, onChange, signal } = options
  let current: ListWatch<T> | undefined

  /**
   * The client's ListWatch stops at most errors and then holds what it held. So a new one takes its place, which lists
   * anew; until it has, the last store stands.
   */
  async function keepWatching(): Promise<void> {
    while (!signal.aborted) {
      const watch = new ListWatch<T>(path, new Watch(kubeConfig), list, false, undefined, fieldSelector)
      watch.on('change', () => {
        if (watch === current) onChange()
      })
      try {
        await runToItsEnd(watch, signal, () => {
          current = watch
          onChange()
        })
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error, path }, 'watch ended, starting it again')
      }
      await sleep(restartDelayMs, undefined, { signal }).catch(() => undefined)
    }
  }
  void keepWatching()
  return () => current?.list()
}

/** Rejects with what ended it; `start` itself never does, and resolves after a failure as after the first list. */
async function runToItsEnd<T extends KubernetesObject>(
  watch: ListWatch<T>,
  signal: AbortSignal,
  onListed: () => void,
): Promise<void> {
  const end = Promise.withResolvers<never>()
  const abort = (): void => end.reject(signal.reason)
  watch.on('error', end.reject)
  signal.addEventListener('abort', abort)
  try {
    await Promise.race([end.promise, watch.start()])
    onListed()
    await end.promise
  } finally {
    signal.removeEventListener('abort', abort)
    await watch.stop()
  }
}
