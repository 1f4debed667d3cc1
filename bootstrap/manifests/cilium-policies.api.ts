/**
 * The charts' CiliumNetworkPolicies let through what their NetworkPolicies do. Their rules are read as Cilium's
 * documentation says; that Cilium enforces them so, only a cluster with it can show.
 */
import t from 'tap'
import type { Manifest } from '../local/install.ts'
import { type Attempt, judge, type NetworkPolicy } from '../local/network/policy.ts'
import { asNetworkPolicy, type CiliumNetworkPolicy } from './cilium-policy.ts'
import { forbiddenConnections, tcp, udp } from './forbidden-connections.ts'
import { openHelm, type Values } from './helm.ts'
import { aksCast, namespaces, neededConnections, outside, pod } from './needed-connections.ts'
import { rawManifests } from './raw-manifests.ts'

t.setTimeout(580_000)

const helm = await openHelm(t)
const cast = aksCast(await rawManifests('predictor/release', 'reconciler'))
const { reconciler, resolver, nodeIp } = cast
const apiServer = tcp(reconciler, { kind: 'node', ip: nodeIp }, 6443)
const addresses = { 'contoso.azurecr.io': '20.50.2.1', 'store1.blob.core.windows.net': '20.60.3.1' }
const world = { apiServerIp: nodeIp, addresses }

t.test('what a NetworkPolicy allows and denies, its Cilium variant does', async (t) => {
  const [kubernetes, cilium] = [await policiesOf({ flavor: 'kubernetes' }), await policiesOf({ flavor: 'cilium' })]
  t.same([kubernetes.length, cilium.length], [2, 2])
  const needed = { ...neededConnections(cast), 'the reconciler asks an API server on a node': apiServer }
  for (const [what, attempt] of Object.entries(needed)) {
    t.same([verdict(attempt, kubernetes), verdict(attempt, cilium)], ['allowed', 'allowed'], what)
  }
  for (const [what, attempt] of Object.entries(forbiddenConnections(cast))) {
    t.same([verdict(attempt, kubernetes), verdict(attempt, cilium)], ['denied', 'denied'], what)
  }
})

t.test('Cilium lets names be asked of the cluster’s resolver alone, not of all of kube-system', async (t) => {
  const policies = await policiesOf({ flavor: 'cilium' })
  const beside = pod('kube-system', { 'k8s-app': 'metrics-server' })
  t.equal(verdict(udp(reconciler, resolver, 53), policies), 'allowed')
  t.equal(verdict(udp(reconciler, beside, 53), policies), 'denied')
})

t.test('with names the reconciler may call these hosts and the API server alone', async (t) => {
  const fqdns = ['contoso.azurecr.io', '*.blob.core.windows.net']
  const policies = await policiesOf({ flavor: 'cilium' }, { fqdns })
  for (const [host, ip] of Object.entries(addresses)) {
    t.equal(verdict(tcp(reconciler, outside(ip), 443), policies), 'allowed', host)
    t.equal(verdict(tcp(reconciler, outside(ip), 80), policies), 'denied', `${host}, on another port`)
  }
  t.equal(verdict(apiServer, policies), 'allowed')
  t.equal(verdict(udp(reconciler, resolver, 53), policies), 'allowed')
  t.equal(verdict(tcp(reconciler, outside('203.0.113.7'), 443), policies), 'denied')
  t.equal(verdict(tcp(reconciler, outside('169.254.169.254'), 443), policies), 'denied')

  // Cilium learns what a name stands for from the lookups that go through its own resolver. Azure takes no pattern that
  // stands for all names, and sees no lookup that goes to the node's own name server.
  const [own] = (await rendered(
    { flavor: 'cilium' },
    { fqdns },
  )) as readonly unknown[] as readonly CiliumNetworkPolicy[]
  const lookups = own?.spec.egress?.flatMap(({ toPorts = [] }) => toPorts.flatMap(({ rules }) => rules?.dns ?? []))
  t.same(lookups, [{ matchName: 'contoso.azurecr.io' }, { matchPattern: '*.blob.core.windows.net' }])
  t.equal(verdict(udp(reconciler, outside('169.254.10.11'), 53), policies), 'denied')
})

function verdict(attempt: Attempt, policies: readonly NetworkPolicy[]): string {
  return judge(attempt, policies, namespaces).kind
}

/** Of the reconciler and of the predictor. */
async function policiesOf(networkPolicy: Values, ofReconciler: Values = {}): Promise<readonly NetworkPolicy[]> {
  return (await rendered(networkPolicy, ofReconciler)).map((object) =>
    object.kind === 'CiliumNetworkPolicy'
      ? asNetworkPolicy(object as unknown as CiliumNetworkPolicy, world)
      : (object as unknown as NetworkPolicy),
  )
}

async function rendered(networkPolicy: Values, ofReconciler: Values = {}): Promise<readonly Manifest[]> {
  const byHelm = { deliveredBy: 'helm', image: { digest: `sha256:${'ab'.repeat(32)}` } }
  const objects = [
    ...(await helm.template('windlass', { networkPolicy: { ...networkPolicy, ...ofReconciler } })),
    ...(await helm.template('predictor', { ...byHelm, networkPolicy })),
  ]
  return objects.filter(({ kind }) => kind?.endsWith('NetworkPolicy'))
}
