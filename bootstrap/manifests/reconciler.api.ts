import { join } from 'node:path'
import type { V1PodSpec } from '@kubernetes/client-node'
import t from 'tap'
import { restrictedViolations } from '../local/pod-security.ts'
import { run } from '../local/run.ts'
import { sharedApiServer } from '../local/testing.ts'
import { ensureTools } from '../local/tools.ts'

t.setTimeout(180_000)

const manifests = join(import.meta.dirname, '../../manifests')
const server = await sharedApiServer(t)
const { kubectl } = await ensureTools(['kubectl'])
const strictly = ['apply', '--server-side', '--validate=strict', '--warnings-as-errors', '--force-conflicts']

t.test('the API server takes every manifest strictly, without a warning', async (t) => {
  await call(...strictly, '--filename', join(manifests, 'reconciler', 'namespace-windlass-system.yaml'))
  const output = await call(...strictly, '--dry-run=server', '--filename', join(manifests, 'reconciler'))

  t.match(output, /deployment\.apps\/windlass/)
  t.match(output, /networkpolicy\.networking\.k8s\.io\/windlass/)
})

t.test('its pods pass the restricted level', async (t) => {
  const deployment = ['--filename', join(manifests, 'reconciler', 'deployment-windlass.yaml')]
  const text = await call('create', '--dry-run=client', '--output=json', ...deployment)
  const { spec } = JSON.parse(text) as { spec: { template: { spec: V1PodSpec } } }

  t.equal(
    await restrictedViolations(server.kubeconfig, server.namespaceName('reconciler pods'), spec.template.spec),
    undefined,
  )
})

async function call(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(kubectl, ['--kubeconfig', server.kubeconfig, ...args])
  return stdout
}
