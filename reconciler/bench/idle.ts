// `npm run bench -- idle [--seconds N] [--json]`: what the reconciler costs while nothing happens: both replicas, with a
// release that is ready and polled on as everywhere on the local platform, every two seconds.
import { endOfAuditLog, readAuditLogFrom } from '../../bootstrap/local/audit-log.ts'
import { reconcilerIdentity } from '../../bootstrap/local/identities.ts'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { deployPredictorTenant } from '../../bootstrap/local/predictor.ts'
import { countRequests, type RequestCounts } from './api-requests.ts'
import { argumentsOrExit } from './bench-arguments.ts'
import { describeLoad, measureUsage, onPlatform, say, type BenchBounds, type MeasuredUsage } from './bench-platform.ts'
import { asCi } from './ci-publisher.ts'
import { formatTable } from './figures-table.ts'
import { untilQuiet } from './quiet-time.ts'
import { watchRollouts } from './rollout-witness.ts'
import { pushTag, stageRelease } from './staged-release.ts'

const options = { seconds: { fallback: 600, min: 10, max: 86_400, what: 'how long is measured' } }
const predictor = { namespace: 'predictor', name: 'predictor' }
const userName = `system:serviceaccount:${reconcilerIdentity.namespace}:${reconcilerIdentity.serviceAccount}`
const releaseTimeoutMs = 300_000

const { json, numbers } = argumentsOrExit('idle', options)
const { seconds } = numbers
const measured = await onPlatform(async (platform, bounds) => {
  await releaseOnce(platform, bounds)
  const { auditLog } = platform.cluster
  say('waiting until nothing is left to do')
  await untilQuiet({ auditLog, userName, quietMs: 15_000, timeoutMs: releaseTimeoutMs, signal: bounds.signal })
  say(`measuring for ${seconds} s`)
  const from = await endOfAuditLog(auditLog)
  const usage = await measureUsage(platform, seconds, bounds.signal)
  const requests = countRequests(await readAuditLogFrom(auditLog, from), userName)
  return { usage, requests, load: describeLoad() }
})
if (measured !== undefined) print(measured)

async function releaseOnce(platform: Platform, bounds: BenchBounds): Promise<void> {
  const { signal } = bounds
  await deployPredictorTenant({ cluster: platform.cluster, ...bounds })
  const witness = await watchRollouts(platform.cluster.kubeconfig, predictor)
  try {
    await asCi(platform, signal, async (connection) => {
      const release = await stageRelease(platform, connection, 1, bounds)
      await pushTag(platform, connection, release, signal)
      say('waiting until the release is ready')
      await witness.noticed(release.digest, AbortSignal.any([signal, AbortSignal.timeout(releaseTimeoutMs)]))
    })
  } finally {
    await witness.close()
  }
}

interface Measured {
  readonly usage: MeasuredUsage
  readonly requests: RequestCounts
  readonly load: string
}

function print({ usage, requests, load }: Measured): void {
  const { apiRequests, leaseRequests, watchRequests, others } = requests
  const { cpuMs, rssMiB, leaderCpuMs, followerRssMiB } = usage
  const columns = ['seconds', 'API requests', 'of leases', 'of watches', 'CPU ms', 'RSS MiB of the leader']
  console.log(formatTable(columns, [[seconds, apiRequests, leaseRequests, watchRequests, cpuMs, rssMiB]]))
  say(`the leader's share: ${leaderCpuMs} ms of CPU; the other replica's RSS: ${followerRssMiB} MiB`)
  for (const other of others) say(`neither lease nor watch: ${other}`)
  say(load)
  if (json) {
    console.log(JSON.stringify({ bench: 'idle', seconds, apiRequests, leaseRequests, watchRequests, cpuMs, rssMiB }))
  }
}
