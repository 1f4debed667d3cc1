import t from 'tap'
import { sharedApiServer } from '../../bootstrap/local/testing.ts'
import { testCluster } from '../src/kube/test-cluster.ts'
import { startStandIn } from '../src/registry/test-stand-in.ts'
import { namespacedCollections } from './end-state.ts'
import { installClusterWide } from './installation.ts'
import { play, type KillLab, type Point, type Scenario } from './kill-run.ts'
import { bundleReconciler } from './reconciler-process.ts'

/**
 * Invariant 7: plays the scenario once to learn every write, then once for each write with the process killed before
 * it was sent on, and once killed when it was answered and nobody had heard it. Between two writes nothing that lasts
 * changes, so that these are all kills that there are.
 */
export async function surviveKills(scenario: Scenario): Promise<void> {
  t.setTimeout(580_000)
  const lab = await openLab()
  let points: readonly Point[] = []
  let end: unknown

  await t.test(`${scenario.name}: without a kill, every write is a point to kill at`, async (t) => {
    const outcome = await play(t, lab, scenario)
    const { writes } = outcome
    end = outcome.end
    points = writes.flatMap((write) => [{ write, moment: 'before' } as const, { write, moment: 'after' } as const])

    t.equal(outcome.audited.length, writes.length, `as many as the API server saw: ${outcome.audited.join('\n')}`)
    t.ok(writes.length > 3, `${writes.length} writes, ${points.length} points`)
    t.comment(`${scenario.name}: killed at ${points.length} points, 2 for each of ${writes.length} writes`)
  })

  t.jobs = 3
  for (const point of points) {
    t.test(`${scenario.name}: killed ${point.moment} ${point.write}`, { buffered: true }, async (t) => {
      const outcome = await play(t, lab, scenario, point)

      t.ok(outcome.wasKilled, `the point is met; there came ${outcome.writes.join('\n')}`)
      t.same(outcome.end, end, 'it comes to the same end')
    })
  }
}

async function openLab(): Promise<KillLab> {
  const cluster = testCluster(t, await sharedApiServer(t))
  const [standIn, program] = [await startStandIn(t), await bundleReconciler(t)]
  await installClusterWide(cluster)
  return { cluster, standIn, program, collections: await namespacedCollections(cluster) }
}
