import type { Delivery } from '../api/delivery.ts'
import { measureDelivery } from '../core/delivery-measures.ts'
import { isAwaited } from '../core/releases.ts'
import { retryDelayMs } from '../core/retry.ts'
import { createTagPatterns } from '../core/tag-pattern.ts'
import type { Next } from './act.ts'
import { newMemory, type Memory } from './memory.ts'
import { Poller } from './poller.ts'
import { reconcile, type Reconciled, type ReconcilerPorts } from './reconciler.ts'
import { RolloutPods } from './rollout-pods.ts'
import { WorkQueue } from './work-queue.ts'
import type { WorldChange } from './world.ts'

export interface ControllerOptions extends ReconcilerPorts {
  readonly concurrency: number
  readonly pollJitterMs: number
}

/** One term of leadership. */
export interface LeaderTerm {
  readonly epoch: number
  readonly signal: AbortSignal
}

// A release takes five rounds from start to rest; what takes many more goes round in a circle.
const mostRounds = 20
const restlessMs = 1_000

/**
 * The loop: keys come from watches and polls, and each is reconciled until the term ends. All that a term learnt goes
 * with it, for another process may have written before the next.
 */
export async function lead(options: ControllerOptions, { epoch, signal }: LeaderTerm): Promise<void> {
  const { world, clock, metrics, log, concurrency, pollJitterMs } = options
  const queue = new WorkQueue({ clock, concurrency, onDepth: (depth) => metrics.queueDepth(depth) })
  const poller = new Poller({ ...options, jitterMs: pollJitterMs, onChange: (key) => queue.add(key) })
  const rolloutPods = new RolloutPods({
    ...options,
    onChange: (key) => queue.add(key),
    onProblem: (key, error) => log.warn({ delivery: key, reason: error.reason, err: error }, 'pods not read'),
    signal,
  })
  const memories = new Map<string, Memory>()
  const term = { poller, rolloutPods, tagPattern: createTagPatterns(), leaseEpoch: epoch, signal }

  async function handle(key: string): Promise<void> {
    const delivery = world.deliveries.get(key)
    if (delivery === undefined) {
      forget(key)
      return
    }
    const memory = memoryOf(key, delivery)
    const startedMs = clock.monotonicMs()
    const { result, next } = await contain(key, memory, () => reconcile(delivery, memory, options, term))
    metrics.reconciled(result, clock.monotonicMs() - startedMs)
    const now = world.deliveries.get(key)
    if (now !== undefined) metrics.describe(now.metadata, measureDelivery(now))
    if (!signal.aborted) comeBack(key, memory, next)
  }

  /** Whatever escapes is a bug: logged, counted, and tried again later and later. */
  async function contain(key: string, memory: Memory, work: () => Promise<Reconciled>): Promise<Reconciled> {
    try {
      return await work()
    } catch (error) {
      memory.failures += 1
      metrics.bug()
      log.error({ delivery: key, err: error }, 'reconcile failed with a bug')
      const retry = { retryAfterMs: undefined, attempt: memory.failures, random: options.random() }
      return { result: 'bug', next: { kind: 'after', ms: retryDelayMs('retryable', retry) ?? 0 } }
    }
  }

  function comeBack(key: string, memory: Memory, next: Next): void {
    memory.rounds = next.kind === 'atOnce' ? memory.rounds + 1 : 0
    if (next.kind === 'after') queue.addAfter(key, next.ms)
    if (next.kind !== 'atOnce') return
    if (memory.rounds <= mostRounds) {
      queue.add(key)
      return
    }
    metrics.bug()
    log.error({ delivery: key, rounds: memory.rounds }, 'reconcile does not come to rest')
    queue.addAfter(key, restlessMs)
  }

  function memoryOf(key: string, delivery: Delivery): Memory {
    const { uid } = delivery.metadata
    const known = memories.get(key)
    if (known?.uid === uid) return known
    forget(key)
    const memory = newMemory(uid)
    memories.set(key, memory)
    // Before it is reconciled for the first time: what that counts adds to series that have begun.
    metrics.describe(delivery.metadata, measureDelivery(delivery))
    return memory
  }

  function forget(key: string): void {
    memories.delete(key)
    poller.forget(key)
    rolloutPods.release(key)
    world.objects.forget(key)
    metrics.forget(labelsOf(key))
  }

  function onChange({ key, isStatusOnly }: WorldChange): void {
    if (!isStatusOnly || isAwaited(world.deliveries.get(key)?.status?.rollout)) queue.add(key)
  }

  world.objects.distrustAll()
  const stopListening = world.listen(onChange)
  for (const key of world.deliveries.keys()) queue.add(key)
  try {
    await Promise.all([queue.run(handle, signal), poller.run(signal)])
  } finally {
    stopListening()
    rolloutPods.close()
    for (const key of memories.keys()) metrics.forget(labelsOf(key))
  }
}

function labelsOf(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/')
  return { namespace, name }
}
