import type { Condition } from '../api/delivery.ts'
import type { Reason } from '../api/reasons.ts'
import { formatTime } from '../api/time.ts'
import type { Pause } from './pause.ts'
import type { Stance } from './plan.ts'

export interface Standing {
  readonly stance: Stance
  readonly reason: Reason
  readonly message: string
}

export interface ConditionOptions {
  readonly standing: Standing
  readonly pause: Pause
  readonly generation: number
  readonly nowMs: number
}

/**
 * Ready, Reconciling, Stalled and Paused as kstatus reads them: Reconciling=True is in progress, Stalled=True has
 * failed, else Ready decides. A condition keeps its lastTransitionTime as long as its status is the same.
 */
export function nextConditions(before: readonly Condition[] = [], options: ConditionOptions): Condition[] {
  const { standing, pause, generation, nowMs } = options
  const isPaused = pause.kind === 'paused'
  const drafts = [
    ...(standing.stance === 'unknown' ? kept(before) : standingConditions(standing)),
    {
      type: 'Paused',
      status: isPaused,
      reason: isPaused ? 'Paused' : 'NotPaused',
      message: isPaused ? pause.message : '',
    },
  ]
  return drafts.map((draft) => {
    const status = draft.status ? 'True' : 'False'
    const previous = before.find(({ type }) => type === draft.type)
    return {
      type: draft.type,
      status,
      reason: draft.reason,
      message: bounded(draft.message),
      lastTransitionTime: previous?.status === status ? previous.lastTransitionTime : formatTime(nowMs),
      observedGeneration: generation,
    }
  })
}

interface Draft {
  readonly type: string
  readonly status: boolean
  readonly reason: string
  readonly message: string
}

function standingConditions({ stance, reason, message }: Standing): readonly Draft[] {
  const isStalled = stance === 'stalled'
  const isReconciling = stance === 'progressing'
  return [
    { type: 'Ready', status: stance === 'ready', reason, message },
    { type: 'Reconciling', status: isReconciling, reason, message: isReconciling ? message : '' },
    { type: 'Stalled', status: isStalled, reason, message: isStalled ? message : '' },
  ]
}

function kept(before: readonly Condition[]): readonly Draft[] {
  return ['Ready', 'Reconciling', 'Stalled'].flatMap((type) => {
    const condition = before.find((candidate) => candidate.type === type)
    return condition === undefined ? [] : [{ ...condition, status: condition.status === 'True' }]
  })
}

function bounded(message: string): string {
  return message.length > 4096 ? `${message.slice(0, 4095)}…` : message
}
