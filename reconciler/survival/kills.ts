import t, { type Test } from 'tap'
import { endOfAuditLog, readAuditLog, type AuditEvent } from '../../bootstrap/local/audit-log.ts'
import { sharedApiServer } from '../../bootstrap/local/testing.ts'
import { testCluster } from '../src/kube/test-cluster.ts'
import { startStandIn } from '../src/registry/test-stand-in.ts'
import { DeliveryHints } from './delivery-hints.ts'
import { comparedCollections, findObjects, heldCollections, type EndState } from './end-state.ts'
import { installClusterWide } from './installation.ts'
import { play, type KillLab, type Outcome, type Point, type Scenario } from './kill-run.ts'
import { bundleReconciler } from './reconciler-process.ts'
import { withoutCount, type Write } from './write-name.ts'

/**
 * Invariant 7: plays the scenario to learn every write, then once for each write with the process killed before it was
 * sent on, and once killed when it was answered and nobody had heard it. Between two writes nothing that lasts changes,
 * so that these are all kills that there are. It is learnt from two plays: on a slow machine a process may look once more
 * and repeat what it wrote, and a point that not every play has is none.
 *
 * A write that is met in any of these runs and is no point to kill at fails the test. Before the kill it must be another
 * of a step that is killed at. What a process writes that goes on after a kill need only be of a kind that is killed at:
 * it does what the one before would have done, or did already.
 */
export async function surviveKills(scenario: Scenario): Promise<void> {
  t.setTimeout(1_160_000)
  const lab = await openLab()
  const { auditLog } = lab.cluster.server
  const from = await endOfAuditLog(auditLog)
  const played: Outcome[] = []
  let learnt: { readonly writes: readonly Write[]; readonly end: EndState } | undefined

  await t.test(`${scenario.name}: without a kill`, async (t) => {
    const [one, other] = [await play(t, lab, scenario), await play(t, lab, scenario)]
    played.push(one, other)
    t.same(other.end, one.end, 'it comes to the same end each time')
    const names = new Set(other.writes.map(({ name }) => name))
    const writes = one.writes.filter(({ name }) => names.has(name))
    learnt = { writes, end: one.end }
    t.ok(writes.length > 3, 'there is something to kill at')
    const kinds = new Set(writes.map(({ kind }) => kind))
    const unmet = scenario.startsProcess === true ? ofEveryProcess.filter((kind) => !kinds.has(kind)) : []
    t.same(unmet, [], 'what every new process writes is killed at too')
  })
  if (learnt === undefined) return
  const { writes, end } = learnt
  const points = writes.flatMap(({ name }): Point[] => [
    { write: name, moment: 'before' },
    { write: name, moment: 'after' },
  ])
  t.comment(`told: ${scenario.name}: killed at ${points.length} points, 2 for each of ${writes.length} writes`)

  t.jobs = 2
  await Promise.all(
    points.map((point) =>
      t.test(`${scenario.name}: killed ${point.moment} ${point.write}`, { buffered: true }, async (t) => {
        const outcomes = await playUntilKilled(t, lab, scenario, point, end)
        played.push(...outcomes)

        t.ok(outcomes.at(-1)?.wasKilled, 'the point is met')
        for (const outcome of outcomes) {
          t.same(outcome.end, end, 'it comes to the same end')
          t.same(strangers(outcome, writes), [], 'every write is a point to kill at')
        }
      }),
    ),
  )

  await t.test(`${scenario.name}: no kill left anything of a kind that is not there without one`, async (t) => {
    const held = heldCollections(end, lab.collections)
    const others = lab.collections.filter((path) => path.includes('TENANT') && !held.includes(path))
    const namespaces = new Set(played.map(({ namespace }) => namespace))
    t.same(await findObjects(lab.cluster, others, namespaces), [])
  })

  await t.test(`${scenario.name}: the API server was asked for no write that was not seen`, async (t) => {
    const audited = await countWrites(auditLog, from)
    for (const { userAgent, sent } of played) t.equal(audited.get(userAgent), sent, userAgent)
  })
}

/**
 * What a new process writes whatever the story: its pod's mark, its lease, and anew each Event that the process before
 * would have counted in a series. They are killed at in the stories that start a process.
 */
const ofEveryProcess = [
  'PATCH v1/namespaces/OWN/pods/windlass-0',
  'PUT coordination.k8s.io/v1/namespaces/OWN/leases/windlass',
  'POST events.k8s.io/v1/namespaces/TENANT/events',
]

/** An Event that comes about again counts on in its series: on a slow machine one may, in any story. */
const ofRepetition = 'PATCH events.k8s.io/v1/namespaces/TENANT/events/EVENT'

const mostPlays = 3

/** A machine that is slow may keep a run from meeting a point, as by a poll that fails: that run had no kill. */
async function playUntilKilled(
  t: Test,
  lab: KillLab,
  scenario: Scenario,
  point: Point,
  expected: EndState,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  while (outcomes.length < mostPlays && outcomes.at(-1)?.wasKilled !== true) {
    outcomes.push(await play(t, lab, scenario, { point, expected }))
  }
  return outcomes
}

function strangers({ writes, later }: Outcome, known: readonly Write[]): readonly string[] {
  const steps = new Set(known.map(({ name }) => withoutCount(name)))
  const kinds = new Set([...ofEveryProcess, ofRepetition, ...known.map(({ kind }) => kind)])
  const isStrange = ({ name, kind }: Write) => !steps.has(withoutCount(name)) && kind !== ofRepetition
  return [...writes.filter(isStrange), ...later.filter(({ kind }) => !kinds.has(kind))].map(({ name }) => name)
}

/** By who asked for them, from a place in the audit log on. */
async function countWrites(auditLog: string, from: number): Promise<ReadonlyMap<string, number>> {
  const verbs = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])
  const counts = new Map<string, number>()
  const count = ({ stage, verb, requestURI, userAgent = '' }: AuditEvent) => {
    const isWrite = stage === 'RequestReceived' && verbs.has(verb) && !requestURI.includes('dryRun=All')
    if (isWrite) counts.set(userAgent, (counts.get(userAgent) ?? 0) + 1)
    return false
  }
  await readAuditLog(auditLog, count, from)
  return counts
}

async function openLab(): Promise<KillLab> {
  const cluster = testCluster(t, await sharedApiServer(t))
  const [standIn, program] = [await startStandIn(t), await bundleReconciler(t)]
  await installClusterWide(cluster)
  const [hints, collections] = [await DeliveryHints.open(t, cluster), await comparedCollections(cluster)]
  return { cluster, standIn, program, hints, collections }
}
