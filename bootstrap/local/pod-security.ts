import { ApiException, CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import type { V1PodSpec } from '@kubernetes/client-node'

/**
 * For tests: what the API server itself has against a pod in a namespace that enforces Pod Security `restricted`, as
 * sentences, or nothing. No pod is made. The namespace is, where it is missing, with the account that pods need.
 */
export async function restrictedViolations(
  kubeconfig: string,
  namespace: string,
  spec: V1PodSpec,
): Promise<string | undefined> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  await unlessThere(core.createNamespace({ body: { metadata: { name: namespace, labels } } }))
  await unlessThere(core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'default' } } }))
  try {
    const body = { metadata: { name: 'judged' }, spec: Object.assign({}, spec, { serviceAccountName: 'default' }) }
    await core.createNamespacedPod({ namespace, body, dryRun: 'All' })
    return undefined
  } catch (error) {
    if (!(error instanceof ApiException) || error.code !== 403) throw error
    return (JSON.parse(String(error.body)) as { readonly message: string }).message
  }
}

export function withoutHostPorts(spec: V1PodSpec): V1PodSpec {
  const containers = spec.containers.map((container) =>
    Object.assign({}, container, {
      ports: container.ports?.map(({ containerPort, name }) => ({ containerPort, name })),
    }),
  )
  return Object.assign({}, spec, { containers })
}

async function unlessThere(creation: Promise<unknown>): Promise<void> {
  try {
    await creation
  } catch (error) {
    if (!(error instanceof ApiException && error.code === 409)) throw error
  }
}
