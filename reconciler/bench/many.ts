// `npm run bench -- many [--deliveries N] [--seconds N] [--json]`: what many Deliveries cost, each over a repository of
// its own that is polled every five seconds, their pods on simulated nodes.
import { setTimeout as sleep } from 'node:timers/promises'
import { AppsV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node'
import { endOfAuditLog, readAuditLogFrom } from '../../bootstrap/local/audit-log.ts'
import { reconcilerIdentity } from '../../bootstrap/local/identities.ts'
import { applyObjects } from '../../bootstrap/local/install.ts'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import type { Delivery } from '../src/api/delivery.ts'
import { countRequests, type RequestCounts } from './api-requests.ts'
import { argumentsOrExit } from './bench-arguments.ts'
import { describeLoad, measureUsage, onPlatform, say, type BenchBounds, type MeasuredUsage } from './bench-platform.ts'
import { asCi } from './ci-publisher.ts'
import { formatTable } from './figures-table.ts'
import {
  deliveryName,
  manyRepositories,
  operatorObjects,
  pushTenantRelease,
  releaseObjects,
  tenantsOf,
  type Tenant,
} from './many-tenants.ts'
import { countPolls } from './poll-count.ts'
import { untilQuiet } from './quiet-time.ts'
import { startSimulatedNodes } from './simulated-nodes.ts'

const options = {
  deliveries: { fallback: 100, min: 1, max: 1_000, what: 'how many Deliveries there are' },
  seconds: { fallback: 120, min: 10, max: 86_400, what: 'how long is measured' },
}
const userName = `system:serviceaccount:${reconcilerIdentity.namespace}:${reconcilerIdentity.serviceAccount}`
/** Of the Deliveries' schedule. */
const everyMs = 5_000
const deliveriesOfNode = 20
const pushesAtOnce = 8
const timeoutMs = 600_000

const { json, numbers } = argumentsOrExit('many', options)
const { deliveries } = numbers
const polls = Math.floor((numbers.seconds * 1_000) / everyMs)
const seconds = (polls * everyMs) / 1_000
const measured = await onPlatform(measure, { delivered: [manyRepositories] })
if (measured !== undefined) print(measured)

interface Measured {
  readonly rolledOutMs: number
  readonly pollsDone: number
  readonly usage: MeasuredUsage
  readonly requests: RequestCounts
  readonly load: string
}

async function measure(platform: Platform, bounds: BenchBounds): Promise<Measured> {
  const { cluster, registry } = platform
  const { signal } = bounds
  const tenants = tenantsOf(deliveries)
  await startSimulatedNodes(cluster, Math.ceil(deliveries / deliveriesOfNode), bounds)
  await pushAll(platform, tenants, signal)
  say(`applying ${deliveries} Deliveries, with namespaces, accounts and rights`)
  const startedAtMs = performance.now()
  await applyObjects(cluster.kubeconfig, await operatorObjects(tenants), { signal })
  await untilRolledOut(platform, signal)
  const rolledOutMs = Math.round(performance.now() - startedAtMs)
  say(`all of them have rolled out, ${Math.round(rolledOutMs / 1_000)} s after the first was applied`)

  say('waiting until nothing is left to do')
  await untilQuiet({ auditLog: cluster.auditLog, userName, quietMs: 15_000, timeoutMs, signal })
  say(`measuring for ${seconds} s`)
  // In the middle between two polls, so that each falls wholly in or out.
  await sleep(everyMs - ((Date.now() + everyMs / 2) % everyMs), undefined, { signal })
  const from = await endOfAuditLog(cluster.auditLog)
  const after = await registry.admin.lastRequest()
  const fromMs = Date.now()
  const usage = await measureUsage(platform, seconds, signal)
  const listings = await registry.admin.requests({ after, user: 'reconciler', path: '^/acr/v1/many/.*/_tags$' })
  return {
    rolledOutMs,
    pollsDone: countPolls(listings, { fromMs, everyMs, polls }),
    usage,
    requests: countRequests(await readAuditLogFrom(cluster.auditLog, from), userName),
    load: describeLoad(),
  }
}

async function pushAll(platform: Platform, tenants: readonly Tenant[], signal: AbortSignal): Promise<void> {
  say(`pushing ${tenants.length} releases`)
  const objects = await releaseObjects()
  const left = [...tenants]
  await asCi(platform, signal, async (connection) => {
    const pushNext = async () => {
      for (let tenant = left.shift(); tenant !== undefined; tenant = left.shift()) {
        await pushTenantRelease(connection, tenant, objects, signal)
      }
    }
    await Promise.all(Array.from({ length: pushesAtOnce }, pushNext))
  })
}

/** By the Deployments themselves, and then by the word of each Delivery. */
async function untilRolledOut({ cluster }: Platform, signal: AbortSignal): Promise<void> {
  const config = new KubeConfig()
  config.loadFromFile(cluster.kubeconfig)
  const apps = config.makeApiClient(AppsV1Api)
  const custom = config.makeApiClient(CustomObjectsApi)
  const lookUp = async () => {
    const { items } = await apps.listDeploymentForAllNamespaces({ fieldSelector: `metadata.name=${deliveryName}` })
    const available = items.filter(({ status }) => (status?.availableReplicas ?? 0) > 0).length
    const list = (await custom.listCustomObjectForAllNamespaces({
      group: 'windlass.dev',
      version: 'v1alpha1',
      resourcePlural: 'deliveries',
    })) as { readonly items: readonly Delivery[] }
    return { available, ready: list.items.filter(isReady).length, unready: list.items.find((item) => !isReady(item)) }
  }
  let saidAtMs = performance.now()
  await waitFor(
    async () => {
      const { available, ready } = await lookUp()
      if (performance.now() - saidAtMs > 10_000) {
        saidAtMs = performance.now()
        say(`${available} of ${deliveries} Deployments are available, ${ready} Deliveries ready`)
      }
      return (available === deliveries && ready === deliveries) || undefined
    },
    async () => {
      const { available, ready, unready } = await lookUp()
      const said = JSON.stringify(unready?.status?.conditions)
      return `${deliveries} Deployments to roll out: ${available} are available, ${ready} Deliveries are ready; one says ${said}`
    },
    { timeoutMs, everyMs: 1_000, signal },
  )
}

function isReady({ status }: Delivery): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

function print({ rolledOutMs, pollsDone, usage, requests, load }: Measured): void {
  const { apiRequests, leaseRequests, watchRequests, others } = requests
  const { rssMiB, followerRssMiB } = usage
  const pollsExpected = deliveries * polls
  const cpuPercent = percent(usage.cpuMs)
  const columns = ['deliveries', 'seconds', 'polls due', 'polls done', 'RSS MiB of the leader', 'CPU % of a core']
  console.log(formatTable(columns, [[deliveries, seconds, pollsExpected, pollsDone, rssMiB, cpuPercent]]))
  say(`the leader's share: ${percent(usage.leaderCpuMs)} %; the other replica's RSS: ${followerRssMiB} MiB`)
  say(`asked of the API server: ${apiRequests}, of leases ${leaseRequests}, of watches ${watchRequests}`)
  for (const other of others) say(`neither lease nor watch: ${other}`)
  say(load)
  if (json) {
    const figures = { pollsExpected, pollsDone, rssMiB, cpuPercent, rolledOutMs, apiRequests }
    console.log(JSON.stringify({ bench: 'many', deliveries, seconds, ...figures, leaseRequests, watchRequests }))
  }
}

/** Of one core, in the time that was measured. */
function percent(cpuMs: number): number {
  return Math.round((cpuMs / (seconds * 1_000)) * 1_000) / 10
}
