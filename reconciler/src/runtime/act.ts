import type { DeliveryStatus, InventoryEntry, Revision, RolloutStatus } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { parseTime } from '../api/time.ts'
import type { Standing } from '../core/conditions.ts'
import { noteCorrections } from '../core/contested.ts'
import type { Work } from '../core/desired.ts'
import { AppError, troubleOf, type Trouble } from '../core/errors.ts'
import { healthOf } from '../core/health.ts'
import { entryKey, updateEntries } from '../core/inventory.ts'
import type { Observed } from '../core/observed.ts'
import { ownedFieldsHash } from '../core/owned-fields.ts'
import { objectKey, ownedReplicas } from '../core/replicas.ts'
import { targetKey, type Plan, type Stance, type Target } from '../core/plan.ts'
import { appliedRevision } from '../core/releases.ts'
import { retryDelayMs } from '../core/retry.ts'
import {
  beginRollout,
  claimRollout,
  failRollout,
  finishRollout,
  freezeRollout,
  prunedObjects,
  thawRollout,
  wroteObjects,
} from '../core/rollout.ts'
import type { DryRun, ObjectStore } from '../kube/ports.ts'
import type { TagSource } from '../registry/tag-source.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { endDelivery, type DeletionScope } from './deletion.ts'
import { readManifests } from './manifest-source.ts'
import type { ObjectTracker } from './object-tracker.ts'
import { prepare, renderRelease, type Preparation } from './preparation.ts'
import { pruneObjects } from './prune.ts'
import { leaveReplicas } from './replicas.ts'
import type { Turn } from './turn.ts'

export interface ActScope extends DeletionScope {
  readonly tags: TagSource
  readonly objects: ObjectStore
  readonly tracker: ObjectTracker
  readonly metrics: Pick<Metrics, 'driftCorrected'>
  readonly random: () => number
  readonly observed: Observed
}

/** When the key is wanted back, beside what events bring it back for. */
export type Next =
  { readonly kind: 'atOnce' } | { readonly kind: 'after'; readonly ms: number } | { readonly kind: 'onEvent' }

/** Begins what a plan says; never waits for anything but the answers of the API server and the registry. */
export async function act(plan: Plan, turn: Turn, scope: ActScope): Promise<Next> {
  const { work } = turn.desired
  if (plan.kind === 'leave') return endDelivery(turn, scope)
  if (plan.kind === 'rest') return rest(plan, turn, scope)
  if (work.kind === 'invalid') throw new Error(`a ${plan.kind} was planned under an invalid spec`)
  if (plan.kind === 'start') return start(plan, work, turn, scope)
  if (plan.kind === 'apply') return applyAgain(plan, work, turn, scope)
  if (plan.kind === 'await') return awaitRollout(plan, work, turn, scope)
  if (plan.kind === 'finish') return finish(plan, work, turn)
  if (plan.kind === 'fail') return fail(plan, turn)
  if (plan.kind === 'prune') return prune(plan, turn, scope)
  return correct(plan, work, turn, scope)
}

type Of<K extends Plan['kind']> = Extract<Plan, { kind: K }>

const onEvent: Next = { kind: 'onEvent' }
const atOnce: Next = { kind: 'atOnce' }

async function rest(plan: Of<'rest'>, turn: Turn, { observed }: ActScope): Promise<Next> {
  const status = plan.isFrozen === true ? freezeRollout(turn.status) : turn.status
  await turn.write(status, { standing: plan, pending: plan.pending, drift: observed.drift })
  return plan.untilMs === undefined ? onEvent : { kind: 'after', ms: Math.max(0, plan.untilMs - turn.nowMs()) }
}

async function start(plan: Of<'start'>, work: Work, turn: Turn, scope: ActScope): Promise<Next> {
  const { delivery, tenant, signal, memory } = turn
  let prepared: Preparation
  try {
    prepared = await prepare(plan.target, { ...scope, delivery, work, tenant, nowMs: turn.nowMs(), signal })
  } catch (error) {
    const problem = error instanceof AppError ? troubleOf(error) : undefined
    if (problem === undefined) throw error
    refuse(plan.target, problem, turn, scope.random())
    // What runs or is rolled out goes on meanwhile.
    return atOnce
  }
  delete memory.refusal
  memory.refusals = 0
  await begin(prepared, plan, turn)
  memory.healths.clear()
  memory.rendered = { revision: prepared.revision, objects: prepared.dryRuns.map(({ object }) => object) }
  return writeAll(prepared.dryRuns, plan, work, turn, scope)
}

/** Remembers why a release could not begin, and when it may be tried again. */
function refuse(target: Target, problem: Trouble, turn: Turn, random: number): void {
  const { memory, desired, log } = turn
  const { retryAfterMs, ...said } = problem
  const isAgain = memory.refusal?.target === targetKey(target)
  memory.refusals = isAgain ? memory.refusals + 1 : 1
  const delayMs = retryDelayMs(problem.kind, { retryAfterMs, attempt: memory.refusals, random })
  memory.refusal = {
    ...said,
    target: targetKey(target),
    generation: desired.generation,
    ...(delayMs !== undefined && { untilMs: turn.nowMs() + delayMs }),
  }
  log.warn({ reason: said.reason, detail: said.message }, 'release refused')
}

/** The write-ahead: from here on the release is known by status alone. */
async function begin({ revision, highWater, entries }: Preparation, plan: Of<'start'>, turn: Turn): Promise<void> {
  const { superseded, pending } = plan
  const status = beginRollout(turn.status, {
    revision,
    highWater,
    objects: entries,
    superseded,
    leaseEpoch: turn.leaseEpoch,
    nowMs: turn.nowMs(),
  })
  await turn.write(status, { standing: standingOf(plan, 'progressing'), pending })
  turn.log.info({ revision: revision.tag, digest: revision.digest }, 'rollout began')
}

async function applyAgain(plan: Of<'apply'>, work: Work, turn: Turn, scope: ActScope): Promise<Next> {
  const { revision } = rolloutOf(turn)
  const rendered = await renderedObjects(revision, work, turn, scope)
  const objects = await leaveReplicas(rendered, rendered, { ...scope, tenant: turn.tenant, signal: turn.signal })
  turn.memory.healths.clear()
  const status = claimRollout(countRewrites(turn, scope), turn.leaseEpoch)
  await turn.write(status, { standing: standingOf(plan, 'progressing'), pending: plan.pending })
  return writeAll(
    objects.map((object) => ({ object })),
    plan,
    work,
    turn,
    scope,
  )
}

/** In mid-wait objects are written again because of another hand: corrections like any other. */
function countRewrites(turn: Turn, { observed }: ActScope): DeliveryStatus {
  const { status } = turn
  if (status.rollout?.phase !== 'Waiting') return status
  const unlike = [...observed.drift, ...(observed.rollout?.missing ?? [])]
  return { ...status, inventory: noteCorrections(status.inventory ?? [], unlike, turn.nowMs()) }
}

/** One after the other, so that what an object refers to is there before it. */
async function writeAll(
  runs: ReadonlyArray<Pick<DryRun, 'object'> & Partial<DryRun>>,
  plan: Of<'start' | 'apply'>,
  work: Work,
  turn: Turn,
  scope: ActScope,
): Promise<Next> {
  const entries: InventoryEntry[] = []
  try {
    for (const { object, ...seen } of runs) entries.push(await writeObject(object, turn, scope, seen))
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'terminal') throw error
    return fail({ ...plan, kind: 'fail', reason: error.reason, message: error.message }, turn)
  }
  const nowMs = turn.nowMs()
  const status = wroteObjects(turn.status, rolloutOf(turn), { entries, timeoutMs: work.timeoutMs, nowMs })
  const message = 'all objects are written; their health is awaited'
  await turn.write(status, {
    standing: { stance: 'progressing', reason: 'RolloutProgressing', message },
    pending: plan.pending,
  })
  return atOnce
}

async function writeObject(
  object: KubeObject,
  turn: Turn,
  { objects, tracker }: ActScope,
  { live, result }: Partial<DryRun> = {},
): Promise<InventoryEntry> {
  turn.assertWritable(object)
  const { tenant, signal, key, memory, desired } = turn
  const adopt = desired.work.kind === 'work' && desired.work.spec.adopt
  const seen = result === undefined ? {} : { seen: { live } }
  const written = await objects.apply(object, { tenant, force: true, adopt, signal, ...seen })
  tracker.verified(key, written)
  memory.healths.set(objectKey(written), {
    version: written.metadata.resourceVersion ?? '',
    health: healthOf(written, { sinceMs: turn.nowMs() }),
    isChanged: false,
  })
  const { apiVersion, kind, metadata } = written
  const hash = ownedFieldsHash(written)
  const replicas = ownedReplicas(written)
  return {
    apiVersion,
    kind,
    name: metadata.name,
    ...(metadata.uid !== undefined && { uid: metadata.uid }),
    ...(hash !== undefined && { hash }),
    ...(replicas !== undefined && { replicas }),
  }
}

async function awaitRollout(plan: Of<'await'>, work: Work, turn: Turn, { observed }: ActScope): Promise<Next> {
  const status = thawRollout(turn.status, { timeoutMs: work.timeoutMs, nowMs: turn.nowMs() })
  const { pending } = plan
  await turn.write(status, { standing: standingOf(plan, 'progressing'), pending, drift: observed.drift })
  const deadlineMs = parseTime(rolloutOf(turn).deadline ?? '')
  return deadlineMs === undefined ? onEvent : { kind: 'after', ms: Math.max(0, deadlineMs - turn.nowMs()) }
}

async function finish(plan: Of<'finish'>, work: Work, turn: Turn): Promise<Next> {
  const status = finishRollout(turn.status, rolloutOf(turn), { prune: work.spec.prune, nowMs: turn.nowMs() })
  await turn.write(status, { standing: standingOf(plan, 'ready'), pending: plan.pending })
  forgetRollout(turn)
  turn.log.info({ revision: status.current?.tag }, 'release ready')
  return atOnce
}

async function fail(plan: Of<'fail'>, turn: Turn): Promise<Next> {
  const { reason, message, pending } = plan
  const status = failRollout(turn.status, rolloutOf(turn), { reason, message, nowMs: turn.nowMs() })
  await turn.write(status, { standing: standingOf(plan, 'stalled'), pending })
  forgetRollout(turn)
  turn.log.warn({ revision: status.rollout?.revision.tag, reason }, 'release failed')
  return onEvent
}

async function prune(plan: Of<'prune'>, turn: Turn, { objects }: ActScope): Promise<Next> {
  const said = { standing: standingOf(plan, 'ready'), pending: plan.pending }
  await turn.write(claimRollout(turn.status, turn.leaseEpoch), said)
  await pruneObjects(turn, objects)
  await turn.write(prunedObjects(turn.status), said)
  return atOnce
}

async function correct(plan: Of<'correct'>, work: Work, turn: Turn, scope: ActScope): Promise<Next> {
  const revision = appliedRevision(turn.status)
  if (revision === undefined) throw new Error('a correction was planned where nothing was applied')
  const wanted = new Set(plan.objects.map(entryKey))
  const objects = await renderedObjects(revision, work, turn, scope)
  const changed = objects.filter((object) => wanted.has(objectKey(object)))
  const drifted = await leaveReplicas(changed, objects, { ...scope, tenant: turn.tenant, signal: turn.signal })
  // What is about to be taken back stands in status first, as for a release; how it stands otherwise is as before.
  const counted = {
    ...turn.status,
    inventory: noteCorrections(turn.status.inventory ?? [], plan.objects, turn.nowMs()),
  }
  await turn.write(counted, { standing: standingOf(plan, 'unknown'), pending: 'unknown', drift: plan.objects })
  const entries: InventoryEntry[] = []
  for (const object of drifted) entries.push(await writeObject(object, turn, scope))
  forgetRollout(turn)
  await turn.store({ ...turn.status, inventory: updateEntries(turn.status.inventory ?? [], entries) })
  turn.tell('DriftCorrected', 'Correct', plan.message)
  turn.log.info({ objects: entries.length, reason: plan.reason }, 'drift corrected')
  scope.metrics.driftCorrected(turn.desired, entries.length)
  return atOnce
}

async function renderedObjects(
  revision: Revision,
  work: Work,
  turn: Turn,
  { tags, objects }: ActScope,
): Promise<readonly KubeObject[]> {
  const { memory, delivery, tenant, signal } = turn
  const { rendered } = memory
  if (rendered?.revision.digest === revision.digest && rendered.revision.bundleDigest === revision.bundleDigest) {
    return rendered.objects
  }
  const manifests = await readManifests({ tags, objects, spec: work.spec, tenant, signal }, revision)
  const fresh = renderRelease(manifests, revision, delivery, work)
  memory.rendered = { revision, objects: fresh }
  return fresh
}

/** Rendered objects are kept for the time of a rollout only: a thousand Deliveries have a thousand of them. */
function forgetRollout({ memory }: Turn): void {
  delete memory.rendered
  memory.healths.clear()
}

function rolloutOf({ status: { rollout } }: Turn): RolloutStatus {
  if (rollout === undefined) throw new Error('a step of a rollout was planned where status has none')
  return rollout
}

function standingOf({ reason, message }: Plan, stance: Stance): Standing {
  return { stance, reason, message }
}
