import t from 'tap'
import { sharedApiServer } from '../../bootstrap/local/testing.ts'
import { testCluster } from '../src/kube/test-cluster.ts'
import { startStandIn } from '../src/registry/test-stand-in.ts'
import { settings, workload } from '../src/runtime/test-registry.ts'
import { DeliveryHints } from './delivery-hints.ts'
import type { Asked } from './http-proxy.ts'
import { installClusterWide } from './installation.ts'
import { Pair } from './pair.ts'
import { bundleReconciler } from './reconciler-process.ts'
import type { Lab } from './site.ts'

/**
 * Invariant 6, with two processes as they run in production, at the lease's own timing: whoever has lost the lease
 * begins no write. The witness is the API server's audit log, which tells pods apart by what their tokens are bound to.
 */
t.setTimeout(580_000)

const cluster = testCluster(t, await sharedApiServer(t))
await installClusterWide(cluster)
const lab: Lab = {
  cluster,
  standIn: await startStandIn(t),
  program: await bundleReconciler(t),
  hints: await DeliveryHints.open(t, cluster),
}

// Most of the time is spent waiting for a lease to run out.
t.jobs = 4

t.test('a leader that is stopped in mid-release and wakes up after its lease', { buffered: true }, async (t) => {
  const pair = await Pair.stand(t, lab, 'stopped')
  await pair.releaseFirst()
  const stopped = pair.stopAtNext(isApplyOf('settings'))
  await pair.push(2, settings({ color: 'green' }), workload(pair.repository))
  const { who, landed } = await stopped

  await pair.release('r2')
  await pair.push(3, settings({ color: 'red' }), workload(pair.repository))
  await pair.release('r3')
  who.process.send('SIGCONT')
  await who.untilSaid('leadership ended')
  await landed

  await pair.untilColor('red')
  t.same(await pair.foreignWrites(), [], 'nothing was begun by who had lost the lease')
  t.ok((await pair.holders()).length >= 2, 'the lease went over')
})

for (const held of ['apply', 'status'] as const) {
  t.test(
    `a leader that is cut off, and whose ${held} arrives after the next has begun`,
    { buffered: true },
    async (t) => {
      const pair = await Pair.stand(t, lab, `held ${held}`)
      await pair.releaseFirst()
      const cut = pair.cutOffAtNext(held === 'apply' ? isApplyOf('settings') : isStatus)
      await pair.push(2, settings({ color: 'green' }), workload(pair.repository))
      const { who, release } = await cut
      await who.untilSaid('leadership ended')

      await pair.release('r2')
      await pair.push(3, settings({ color: 'red' }), workload(pair.repository))
      await pair.release('r3')
      const code = await release()

      t.equal(code, held === 'apply' ? 200 : 409)
      await pair.untilColor('red')
      const late = await pair.foreignWrites()
      t.equal(late.length, 1, 'what was on the wire, and nothing else')
      t.match(late[0], held === 'apply' ? /configmaps\/settings 200$/ : /deliveries\/web\/status 409$/)
    },
  )
}

t.test('a leader that is killed with a release in flight', { buffered: true }, async (t) => {
  const pair = await Pair.stand(t, lab, 'killed')
  await pair.releaseFirst()
  const killed = pair.stopAtNext(isApplyOf('settings'))
  await pair.push(2, settings({ color: 'green' }), workload(pair.repository))
  const { who } = await killed
  who.process.send('SIGKILL')
  who.process.send('SIGCONT')

  await pair.release('r2')

  await pair.untilColor('green')
  t.same(await pair.foreignWrites(), [])
  const { status } = await pair.web.delivery()
  t.match(status, { history: [{ tag: 'r2', outcome: 'Ready' }, { tag: 'r1' }] })
})

function isApplyOf(name: string): (asked: Asked) => boolean {
  return ({ isWrite, path }) => isWrite && path.endsWith(`/configmaps/${name}`)
}

function isStatus({ isWrite, path }: Asked): boolean {
  return isWrite && path.endsWith('/deliveries/web/status')
}
