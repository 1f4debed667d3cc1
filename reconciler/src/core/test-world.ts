import * as fc from 'fast-check'
import type { DeliveryStatus, RolloutStatus } from '../api/delivery.ts'
import { decide } from './decide.ts'
import type { Desired } from './desired.ts'
import type { Health } from './health.ts'
import type { Observed } from './observed.ts'
import type { Pause } from './pause.ts'
import { targetKey, type Plan, type Target } from './plan.ts'
import { failRollout, goBack } from './failing.ts'
import { toHighWater, toRevision, toSeen, type SeenImage } from './releases.ts'
import { beginRollout, finishRollout, freezeRollout, prunedObjects, thawRollout, wroteObjects } from './rollout.ts'
import { describeStatus } from './status.ts'
import { desired, digestOf, image, repository, startMs } from './test-builders.ts'

/** What may happen to a Delivery, in any order. */
export type Happening =
  | { readonly kind: 'push'; readonly sequence: number | undefined }
  /** The tag of an earlier push names another digest, as after a second push under the same name. */
  | { readonly kind: 'move'; readonly push: number; readonly sequence: number | undefined }
  | { readonly kind: 'poll'; readonly isComplete: boolean }
  | { readonly kind: 'health'; readonly state: Health['state'] }
  | { readonly kind: 'pause'; readonly mode: 'all' | 'releases' | 'none' }
  | { readonly kind: 'pin'; readonly push: number | undefined }
  | { readonly kind: 'refuse'; readonly isRefused: boolean }
  | { readonly kind: 'restart' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'reconcile' }

const pauses = fc.constantFrom('all' as const, 'releases' as const, 'none' as const, 'none' as const)
const states = fc.constantFrom('current' as const, 'inProgress' as const, 'failed' as const)

/** Weighted so that most histories get somewhere before something else happens. */
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ kind: 'reconcile' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('push' as const), sequence: optional(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('move' as const), push: fc.nat(5), sequence: optional(40) }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'poll' as const, isComplete: true }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'poll' as const, isComplete: false }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('health' as const), state: states }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), mode: pauses }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pin' as const), push: optional(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), isRefused: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400_000) }) },
)

export const histories = fc.array(happening, { minLength: 1, maxLength: 100, size: 'max' })

function optional(max: number): fc.Arbitrary<number | undefined> {
  return fc.option(fc.nat(max), { nil: undefined, freq: 2 })
}

/** The least world in which a plan can be carried out: no I/O, only what status would say afterwards. */
export class World {
  observed: Observed = { status: {}, registry: {}, drift: [] }
  desired: Desired = desired()
  readonly pushed: SeenImage[] = []
  #nowMs = startMs
  #health: Health['state'] = 'inProgress'
  #isRefused = false
  #moves = 0

  plan(): Plan {
    return decide(this.desired, this.observed, this.#nowMs)
  }

  play(next: Happening): void {
    switch (next.kind) {
      case 'push': {
        const { sequence: _, ...base } = image(this.pushed.length)
        this.pushed.push({ ...base, ...sequenceOf(next) })
        return
      }
      case 'move':
        this.#move(next)
        return
      case 'poll':
        this.#poll(next.isComplete)
        return
      case 'health':
        this.#health = next.state
        return
      case 'pause':
        this.desired = { ...this.desired, pause: pauseOf(next.mode) }
        return
      case 'pin': {
        const { pin: _, ...rest } = this.desired
        const pinned = next.push === undefined ? undefined : this.pushed[next.push]
        this.desired = pinned === undefined ? rest : { ...rest, pin: pinned.tag }
        return
      }
      case 'refuse':
        this.#isRefused = next.isRefused
        return
      case 'restart':
        this.observed = { status: this.observed.status, registry: {}, drift: [] }
        return
      case 'wait':
        this.#nowMs += next.ms
        return
      case 'reconcile':
        this.#reconcile()
    }
  }

  #move(next: Extract<Happening, { kind: 'move' }>): void {
    const before = this.pushed[next.push]
    if (before === undefined) return
    this.#moves += 1
    const { sequence: _, ...base } = before
    this.pushed[next.push] = { ...base, digest: digestOf(10_000 + this.#moves), ...sequenceOf(next) }
  }

  #poll(isComplete: boolean): void {
    const { registry } = this.observed
    this.observed = {
      ...this.observed,
      registry: isComplete
        ? { images: [...this.pushed] }
        : { ...registry, problem: { kind: 'retryable', reason: 'RegistryUnavailable', message: 'no answer' } },
    }
  }

  #reconcile(): void {
    const health: Health =
      this.#health === 'current' ? { state: 'current' } : { state: this.#health, message: 'so it is' }
    if (this.observed.status.rollout?.phase === 'Waiting') {
      this.observed = { ...this.observed, rollout: { health, missing: [] } }
    }
    const plan = this.plan()
    if (plan.kind === 'start' && this.#isRefused) {
      this.#refuse(plan.target)
      return
    }
    const status = this.#carryOut(plan)
    const isRest = plan.kind === 'rest'
    const standing = {
      stance: isRest ? plan.stance : 'progressing',
      reason: plan.reason,
      message: plan.message,
    } as const
    this.observed = {
      ...this.observed,
      status: describeStatus(status, {
        desired: this.desired,
        standing,
        pending: plan.pending,
        drift: [],
        nowMs: this.#nowMs,
      }),
    }
  }

  #refuse(target: Target): void {
    const problem = { kind: 'terminal', reason: 'BundleInvalid', message: 'odd' } as const
    this.observed = { ...this.observed, refusals: [{ ...problem, target: targetKey(target), generation: 1 }] }
  }

  #carryOut(plan: Plan): DeliveryStatus {
    const { status } = this.observed
    const { rollout } = status
    const nowMs = this.#nowMs
    const timing = { timeoutMs: 300_000, nowMs }
    if (plan.kind === 'start') return this.#begin(plan)
    if (plan.kind === 'rest' && plan.isFrozen === true) return freezeRollout(status)
    if (rollout === undefined) return status
    if (plan.kind === 'apply') return wroteObjects(status, rollout, { entries: status.inventory ?? [], ...timing })
    if (plan.kind === 'await') return thawRollout(status, timing)
    if (plan.kind === 'finish') return finishRollout(status, rollout, { prune: true, nowMs })
    if (plan.kind === 'fail') return this.#fail(plan, rollout)
    if (plan.kind === 'prune') return prunedObjects(status)
    return status
  }

  #fail({ fault, reason, message, course }: Extract<Plan, { kind: 'fail' }>, rollout: RolloutStatus): DeliveryStatus {
    const { status } = this.observed
    const { pin } = this.desired
    const failure = { fault, reason, message, nowMs: this.#nowMs, random: 0 }
    if (course === 'hold') return failRollout(status, rollout, failure)
    const isPinned = pin === rollout.revision.tag
    return goBack(status, rollout, failure, { timeoutMs: 300_000, leaseEpoch: 1, ...(isPinned && { pin }) })
  }

  #begin({ target, superseded }: Extract<Plan, { kind: 'start' }>): DeliveryStatus {
    const { status } = this.observed
    const seen = this.#find(target)
    const isAgain = target.kind === 'again'
    return beginRollout(status, {
      revision: toRevision(seen, repository),
      highWater: (isAgain ? status.highWater : undefined) ?? toHighWater(seen),
      objects: [{ apiVersion: 'v1', kind: 'ConfigMap', name: seen.tag }],
      superseded,
      ...(isAgain && { attempt: target.attempt }),
      ...(isAgain && target.retry !== undefined && { retry: target.retry }),
      ...(target.kind === 'pin' && { pin: target.pin }),
      timeoutMs: 300_000,
      leaseEpoch: 1,
      nowMs: this.#nowMs,
    })
  }

  #find(target: Target): SeenImage {
    if (target.kind === 'image') return target.image
    if (target.kind === 'again') return toSeen(target.revision)
    const seen = this.pushed.find(({ tag }) => tag === (target.kind === 'pin' ? target.pin : target.tag))
    if (seen === undefined) throw new Error('a pin in this world names something that was pushed')
    return seen
  }
}

function pauseOf(mode: 'all' | 'releases' | 'none'): Pause {
  return mode === 'none' ? { kind: 'running' } : { kind: 'paused', mode, objects: [], warnings: [], message: 'paused' }
}

function sequenceOf({ sequence }: { readonly sequence?: number | undefined }): { readonly sequence?: number } {
  return sequence === undefined ? {} : { sequence }
}
