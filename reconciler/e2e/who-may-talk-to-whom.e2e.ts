// No plugin that enforces NetworkPolicies can be had here. So every connection that was opened in the cluster, from its
// start to now, is judged by the policies and the pods of the real API: of the whole run, for this is its last file.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { platform as names } from '../../bootstrap/local/backend.ts'
import { ingressName, ingressNamespace } from '../../bootstrap/local/ingress/manifests.ts'
import type { End, PodEnd } from '../../bootstrap/local/network/policy.ts'
import { judge } from '../../bootstrap/local/network/policy.ts'
import { judgeConnections } from '../../bootstrap/local/network/recorder.ts'
import { type Judged, type Judgement, nameOfEnd } from '../../bootstrap/local/network/recording.ts'
import { prometheusName, prometheusNamespace } from '../../bootstrap/local/prometheus/manifests.ts'
import { queryPrometheus } from '../../bootstrap/local/prometheus/query.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { forbiddenConnections, tcp } from '../../bootstrap/manifests/forbidden-connections.ts'
import { openHelm } from '../../bootstrap/manifests/helm.ts'
import { InstalledPredictor } from '../../bootstrap/manifests/installed-predictor.ts'

const platform = await sharedPlatform(t)
const { cluster, ingressUrl, prometheusUrl } = platform
const predictor = new InstalledPredictor(
  platform,
  await openHelm(t, cluster.kubeconfig),
  `talks-${randomBytes(3).toString('hex')}`,
)
t.teardown(() => cluster.exec('kubectl', ['delete', 'namespace', predictor.namespace, '--wait=false']))

await predictor.install(predictor.tenant())
const release = await predictor.release()
await predictor.untilReleased(release.sha)
await predictor.untilServed(release.sha, ingressUrl)
await waitFor(
  async () => {
    const [sample] = await queryPrometheus(prometheusUrl, `sum(up{namespace="${predictor.namespace}"})`)
    return sample !== undefined && sample.value >= 1 ? sample : undefined
  },
  () => 'Prometheus to scrape the predictor',
  { timeoutMs: 120_000 },
)
const judgement = await judged()
const reconcilerPod = findPod('windlass-system', 'windlass')
const predictorPod = findPod(predictor.namespace, 'predictor')
const prometheusPod = findPod(prometheusNamespace, prometheusName)
const ingressPod = findPod(ingressNamespace, ingressName)

t.test('nothing went unseen, and no connection is of a pod that the API did not have', async (t) => {
  t.same(judgement.unjudged, [])
})

t.test('the policies let every connection pass that was opened', async (t) => {
  const denied = judgement.connections.filter(({ verdict }) => verdict.kind === 'denied')
  t.same(counted(denied), {})
  const allowed = judgement.connections.filter(({ verdict }) => verdict.kind === 'allowed')
  t.ok(allowed.length > 0)
  for (const [what, count] of Object.entries(counted(allowed))) t.comment(`${count} × ${what}`)
})

t.test('all that has to talk did, and a policy was asked about it', async (t) => {
  const bySome = new Set<string>()
  for (const { from, to, protocol, port, verdict } of judgement.connections) {
    if (verdict.kind !== 'allowed' || verdict.by.length === 0) continue
    bySome.add(`${nameOfEnd(from)} > ${nameOfEnd(to)} ${protocol} ${port}`)
  }
  const node: End = { kind: 'node', ip: cluster.nodeIp }
  for (const expected of [
    `${nameOfEnd(ingressPod)} > ${nameOfEnd(predictorPod)} TCP 8080`,
    `${nameOfEnd(prometheusPod)} > ${nameOfEnd(predictorPod)} TCP 8080`,
    `${nameOfEnd(prometheusPod)} > ${nameOfEnd(reconcilerPod)} TCP 8080`,
    `${nameOfEnd(reconcilerPod)} > ${nameOfEnd(node)} UDP 53`,
    `${nameOfEnd(reconcilerPod)} > ${nameOfEnd(node)} TCP 6443`,
    `${nameOfEnd(reconcilerPod)} > ${nameOfEnd(node)} TCP ${names.registryPort}`,
  ]) {
    t.ok(bySome.has(expected), expected)
  }
})

t.test('the predictor opened nothing at all', async (t) => {
  const opened = judgement.connections.filter(
    ({ from }) => from.kind === 'pod' && nameOfEnd(from).endsWith('/predictor'),
  )
  t.same(counted(opened), {})
})

t.test('what the node itself opens, probes, Kubernetes lets pass by its own rule', async (t) => {
  const ofNode = judgement.connections.filter(({ verdict }) => verdict.kind === 'from-node')
  const groups = counted(ofNode)
  for (const [what, count] of Object.entries(groups)) t.comment(`${count} × ${what}`)
  t.comment(`${ofNode.length} of the node, ${judgement.connections.length - ofNode.length} of others`)
  t.ok(groups[`node > ${nameOfEnd(predictorPod)} TCP 8080`], 'the probes of the predictor')
  t.ok(groups[`node > ${nameOfEnd(reconcilerPod)} TCP 8080`], 'the probes of the reconciler')
})

t.test('what nobody has to open is denied', async (t) => {
  const forbidden = forbiddenConnections({
    predictor: predictorPod,
    reconciler: reconcilerPod,
    prometheus: prometheusPod,
    ingress: ingressPod,
    nodeIp: cluster.nodeIp,
  })
  for (const [what, attempt] of Object.entries(forbidden)) {
    t.equal(judge(attempt, judgement.policies, judgement.namespaces).kind, 'denied', what)
  }
  t.comment(`${Object.keys(forbidden).length} forbidden ones denied`)
})

t.test('what checks of a release will ask is open, though nothing asks it yet', async (t) => {
  for (const [to, port] of [
    [prometheusPod, 9090],
    [predictorPod, 8080],
  ] as const) {
    const { kind } = judge(tcp(reconcilerPod, to, port), judgement.policies, judgement.namespaces)
    // Prometheus has no policy of its own here.
    t.equal(kind, 'allowed', `${nameOfEnd(to)} ${port}`)
  }
})

async function judged(): Promise<Judgement> {
  const found = await judgeConnections(cluster)
  if (found === undefined) throw new Error('nobody wrote down what was opened in this cluster')
  return found
}

/** Any pod of it that the API had. */
function findPod(namespace: string, app: string): PodEnd {
  const found = judgement.pods.find((pod) => pod.namespace === namespace && nameOfEnd(pod) === `${namespace}/${app}`)
  if (found === undefined) throw new Error(`there was no pod of ${app} in ${namespace}`)
  return found
}

function counted(connections: readonly Judged[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { from, to, protocol, port, verdict } of connections) {
    const denial = verdict.kind === 'denied' ? ` (${verdict.direction}, by ${verdict.by.join(', ')})` : ''
    const what = `${nameOfEnd(from)} > ${nameOfEnd(to)} ${protocol} ${port}${denial}`
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}
