import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startApiServer } from '../../bootstrap/local/api-server.ts'
import { endOfAuditLog, isWrite, readAuditLogFrom, type AuditEvent } from '../../bootstrap/local/audit-log.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { testCluster } from '../src/kube/test-cluster.ts'
import { startStandIn } from '../src/registry/test-stand-in.ts'
import { settings, workload } from '../src/runtime/test-registry.ts'
import { DeliveryHints } from './delivery-hints.ts'
import type { Asked } from './http-proxy.ts'
import { installClusterWide } from './installation.ts'
import { Pair } from './pair.ts'
import { bundleReconciler } from './reconciler-process.ts'
import { RequestTally } from './request-tally.ts'

/** An API server of its own, whose etcd may be stopped; both replicas, at the lease's own timing. */
t.setTimeout(300_000)

const stoppedMs = 30_000
/** Of either replica: each waits for an answer that does not come, and then a while. */
const mostASecond = 1

const dir = await mkdtemp(join(tmpdir(), 'windlass-etcd-'))
t.teardown(() => rm(dir, { recursive: true, force: true }))
const server = await startApiServer({ dir })
t.teardown(() => server.stop())
let names = 0
const cluster = testCluster(t, { ...server, namespaceName: () => `test-etcd-${(names += 1)}` })
await installClusterWide(cluster)
const lab = {
  cluster,
  standIn: await startStandIn(t),
  program: await bundleReconciler(t),
  hints: await DeliveryHints.open(t, cluster),
}

t.test('etcd that stands still for thirty seconds in mid-release', async (t) => {
  t.teardown(() => process.kill(server.etcd.pid, 'SIGCONT'))
  const pair = await Pair.stand(t, lab, 'etcd')
  await pair.releaseFirst()
  const stopped = pair.atNext(isApplyOf('settings'), () => process.kill(server.etcd.pid, 'SIGSTOP'))
  await pair.push(2, settings({ color: 'green' }), workload(pair.repository))
  await stopped
  const from = await endOfAuditLog(server.auditLog)

  await sleep(stoppedMs)
  const asked = (await readAuditLogFrom(server.auditLog, from)).filter(isOurs)
  process.kill(server.etcd.pid, 'SIGCONT')
  await untilServed()
  await pair.release('r2')
  await pair.untilColor('green')

  const tally = tallyOf(asked)
  t.comment(`while etcd stood still, by the audit log: ${tally.describe()}`)
  t.ok(tally.total > 0, 'it was asked meanwhile')
  t.ok(tally.total <= (2 * mostASecond * stoppedMs) / 1000, tally.describe())
  t.same(await pair.foreignWrites(), [], 'nothing was begun by who had lost the lease')
  const { status } = await pair.web.delivery()
  t.match(status, { history: [{ tag: 'r2', outcome: 'Ready' }, { tag: 'r1' }] })
  t.equal((await pair.web.object('apps/v1/deployments/web'))?.metadata.generation, 2, 'it was changed once')
  const writes = (await readAuditLogFrom(server.auditLog, 0)).filter(
    (event) => isWrite(event) && event.objectRef?.name === 'settings',
  )
  t.ok(writes.length <= 3, `${writes.length} writes: r1, r2, and r2 again where its answer was not heard`)
})

/** Until it answers what it must ask etcd for. */
async function untilServed(): Promise<void> {
  const { admin, signal } = cluster
  const ask = { method: 'GET', path: '/api/v1/namespaces/default', what: 'read a Namespace', signal } as const
  await waitFor(
    async () => {
      const answer = await admin.send(ask).catch(() => undefined)
      return answer?.ok === true ? true : undefined
    },
    () => 'the API server to answer',
    { timeoutMs: 60_000 },
  )
}

function isOurs({ stage, user }: AuditEvent): boolean {
  return stage === 'RequestReceived' && user.username.endsWith(':windlass')
}

function tallyOf(asked: readonly AuditEvent[]): RequestTally {
  const tally = new RequestTally()
  for (const { verb, requestURI } of asked) tally.count(`${verb} ${requestURI.replace(/\?.*/, '')}`)
  tally.end(stoppedMs)
  return tally
}

function isApplyOf(name: string): (asked: Asked) => boolean {
  return ({ isWrite, path }) => isWrite && path.endsWith(`/configmaps/${name}`)
}
