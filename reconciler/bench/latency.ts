// `npm run bench -- latency [--releases N] [--json]`: how long each part of a release takes, from the push to the word
// of its Delivery, for the eight objects of manifests/predictor/release.
import { setTimeout as sleep } from 'node:timers/promises'
import { endOfAuditLog, isWrite, readAuditLogFrom } from '../../bootstrap/local/audit-log.ts'
import { reconcilerIdentity } from '../../bootstrap/local/identities.ts'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { deployPredictorTenant } from '../../bootstrap/local/predictor.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import type { RegistryConnection } from '../src/registry/registry-connection.ts'
import { argumentsOrExit } from './bench-arguments.ts'
import { describeLoad, onPlatform, say, type BenchBounds } from './bench-platform.ts'
import { asCi } from './ci-publisher.ts'
import { formatSpread, formatTable, spreadOf, type Spread } from './figures-table.ts'
import { untilQuiet } from './quiet-time.ts'
import { watchRollouts, type RolloutWitness } from './rollout-witness.ts'
import { pushTag, stageRelease, type StagedRelease } from './staged-release.ts'

const options = { releases: { fallback: 10, min: 1, max: 1_000, what: 'how many releases are pushed' } }
const predictor = { namespace: 'predictor', name: 'predictor' }
const deployer = 'system:serviceaccount:predictor:predictor-deployer'
const userName = `system:serviceaccount:${reconcilerIdentity.namespace}:${reconcilerIdentity.serviceAccount}`
const releaseTimeoutMs = 300_000
// Pushes at any time of the poll's two seconds, not always at the same.
const phaseStepMs = 370

/** All in epoch milliseconds by this machine's one clock, each by a witness outside the reconciler. */
interface Times {
  /** The registry's log: it was asked to set the tag. */
  readonly pushedAtMs: number
  /** The registry's log: the reconciler asked for this very image. */
  readonly seenAtMs: number
  /** The audit log: the last of the objects that differ was written; all eight are as the release wants them. */
  readonly appliedAtMs: number
  /** Our own watch: the Deployment is rolled out. */
  readonly readyAtMs: number
  /** Our own watch: the Delivery says so. */
  readonly noticedAtMs: number
}

interface Row {
  readonly trigger: 'poll'
  readonly n: number
  readonly pushToSeenMs: Spread
  readonly seenToAppliedMs: Spread
  readonly pushToAppliedMs: Spread
  readonly readyToNoticedMs: Spread
}

const { json, numbers } = argumentsOrExit('latency', options)
const measured = await onPlatform(async (platform, bounds) => {
  await deployPredictorTenant({ cluster: platform.cluster, ...bounds })
  const witness = await watchRollouts(platform.cluster.kubeconfig, predictor)
  try {
    const times = await asCi(platform, bounds.signal, (connection) => measure(platform, connection, witness, bounds))
    return { rows: [rowOf('poll', times)], load: describeLoad() }
  } finally {
    await witness.close()
  }
})
if (measured !== undefined) {
  print(measured.rows)
  say(measured.load)
  if (json) console.log(JSON.stringify({ bench: 'latency', rows: measured.rows }))
}

/** The first release makes the objects and warms what is cold; it is told, and not counted. */
async function measure(
  platform: Platform,
  connection: RegistryConnection,
  witness: RolloutWitness,
  bounds: BenchBounds,
): Promise<readonly Times[]> {
  const { auditLog } = platform.cluster
  const staged: StagedRelease[] = []
  for (let i = 0; i <= numbers.releases; i += 1) staged.push(await stageRelease(platform, connection, i + 1, bounds))
  const measured: Times[] = []
  for (const [i, release] of staged.entries()) {
    await untilQuiet({ auditLog, userName, quietMs: 5_000, timeoutMs: releaseTimeoutMs, signal: bounds.signal })
    await sleep((i * phaseStepMs) % 2_000, undefined, { signal: bounds.signal })
    const times = await measureRelease(platform, connection, release, witness, bounds.signal)
    say(`${i === 0 ? 'first release, not counted' : `release ${i} of ${numbers.releases}`}: ${describe(times)}`)
    if (i > 0) measured.push(times)
  }
  return measured
}

async function measureRelease(
  platform: Platform,
  connection: RegistryConnection,
  release: StagedRelease,
  witness: RolloutWitness,
  signal: AbortSignal,
): Promise<Times> {
  const { registry, cluster } = platform
  const from = await endOfAuditLog(cluster.auditLog)
  const pushedAtMs = await pushTag(platform, connection, release, signal)
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(releaseTimeoutMs)])
  const { readyAtMs, noticedAtMs } = await witness.noticed(release.digest, bounded)
  const seenAtMs = await registry.firstRequestAtMs('reconciler', `/manifests/${release.digest}$`, pushedAtMs)
  if (seenAtMs === undefined) throw new Error(`the reconciler never asked for ${release.digest}`)
  const appliedAtMs = await waitFor(
    () => lastWriteAtMs(cluster.auditLog, from),
    () => `a write by ${deployer} in the audit log`,
    { timeoutMs: 10_000, signal },
  )
  return { pushedAtMs, seenAtMs, appliedAtMs, readyAtMs, noticedAtMs }
}

/** Called when the release is ready, so that none can come any more; the log has a write a moment after its answer. */
async function lastWriteAtMs(auditLog: string, from: number): Promise<number | undefined> {
  const events = await readAuditLogFrom(auditLog, from)
  const last = events.findLast((event) => isWrite(event) && event.impersonatedUser?.username === deployer)
  return last && Date.parse(last.stageTimestamp)
}

function rowOf(trigger: Row['trigger'], times: readonly Times[]): Row {
  const spread = (from: keyof Times, to: keyof Times) => spreadOf(times.map((each) => each[to] - each[from]))
  return {
    trigger,
    n: times.length,
    pushToSeenMs: spread('pushedAtMs', 'seenAtMs'),
    seenToAppliedMs: spread('seenAtMs', 'appliedAtMs'),
    pushToAppliedMs: spread('pushedAtMs', 'appliedAtMs'),
    readyToNoticedMs: spread('readyAtMs', 'noticedAtMs'),
  }
}

function describe({ pushedAtMs, seenAtMs, appliedAtMs, readyAtMs, noticedAtMs }: Times): string {
  const steps = [
    `pushed, seen after ${seenAtMs - pushedAtMs} ms`,
    `applied after ${appliedAtMs - seenAtMs} more`,
    `ready after ${readyAtMs - appliedAtMs} more`,
    `noticed after ${noticedAtMs - readyAtMs} more`,
  ]
  return steps.join(', ')
}

function print(rows: readonly Row[]): void {
  const columns = ['trigger', 'n', 'push → seen', 'seen → applied', 'push → applied', 'ready → noticed']
  console.log('in milliseconds: least / median / most')
  console.log(
    formatTable(
      columns,
      rows.map(({ trigger, n, ...spreads }) => [trigger, n, ...Object.values(spreads).map(formatSpread)]),
    ),
  )
}
