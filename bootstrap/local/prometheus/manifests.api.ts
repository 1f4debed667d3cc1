import type { V1Deployment } from '@kubernetes/client-node'
import t from 'tap'
import { restrictedViolations, withoutHostPorts } from '../pod-security.ts'
import { sharedApiServer } from '../testing.ts'
import { prometheusManifests } from './manifests.ts'

t.test('but for its host ports the pod of Prometheus would pass Pod Security restricted', async (t) => {
  const server = await sharedApiServer(t)
  const namespace = server.namespaceName('prometheus restricted')
  const deployment = prometheusManifests({
    prometheus: 'registry.test/prometheus:1',
    discovery: 'registry.test/discovery:1',
  }).find((manifest): manifest is V1Deployment & typeof manifest => manifest.kind === 'Deployment')
  const spec = deployment?.spec?.template.spec
  if (spec === undefined) throw new Error('there is no Deployment')

  t.match(
    await restrictedViolations(server.kubeconfig, namespace, spec),
    /violates PodSecurity "restricted:latest": hostPort/,
  )
  t.equal(await restrictedViolations(server.kubeconfig, namespace, withoutHostPorts(spec)), undefined)
})
