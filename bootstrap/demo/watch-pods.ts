import type { V1Pod, Watch } from '@kubernetes/client-node'
import { setTimeout as sleep } from 'node:timers/promises'

export interface PodWatchOptions {
  readonly watch: Watch
  readonly namespace: string
  readonly labelSelector: string
  /** Every state that a pod is in, the last one of a pod that goes included. */
  readonly onState: (pod: V1Pod) => void
  readonly signal: AbortSignal
}

export interface WatchedPods {
  /** Those that are there now; none before the first is told. */
  readonly pods: () => readonly V1Pod[]
  /** Why it rests just now, for people; it begins again by itself. */
  readonly trouble: () => string | undefined
}

const restartDelayMs = 200

/** Pods as a watch tells them: who looks from time to time misses what one was in between. */
export function watchPods({ watch, namespace, labelSelector, onState, signal }: PodWatchOptions): WatchedPods {
  let pods = new Map<string, V1Pod>()
  let trouble: string | undefined
  const told = (phase: string, pod: V1Pod): void => {
    if (phase !== 'ADDED' && phase !== 'MODIFIED' && phase !== 'DELETED') return
    const uid = pod.metadata?.uid ?? ''
    if (phase === 'DELETED') pods.delete(uid)
    else pods.set(uid, pod)
    trouble = undefined
    onState(pod)
  }
  const once = async (): Promise<void> => {
    // Without a version it begins with what is there.
    pods = new Map()
    const ended = Promise.withResolvers<unknown>()
    const path = `/api/v1/namespaces/${namespace}/pods`
    const connection = await watch.watch(path, { labelSelector }, told, ended.resolve)
    const abort = (): void => connection.abort()
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    trouble = `the watch of pods ended: ${String(await ended.promise)}`
    signal.removeEventListener('abort', abort)
  }
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await once().catch((error: unknown) => (trouble = `the watch of pods failed: ${String(error)}`))
      await sleep(restartDelayMs, undefined, { signal }).catch(() => undefined)
    }
  }
  void run()
  return { pods: () => [...pods.values()], trouble: () => trouble }
}
