import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from './backend.ts'
import { checkout } from './checkout.ts'
import { authorityHost, ciIdentity, reconcilerIdentity, tokenAudience } from './identities.ts'
import { applyObjects, type Manifest, waitForDeployment } from './install.ts'
import { readInOrder } from './manifest-files.ts'
import type { NativeCluster } from './native/cluster.ts'

export interface DeployReconcilerOptions {
  readonly cluster: NativeCluster
  /** By digest. */
  readonly image: string
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

const namespace = reconcilerIdentity.namespace
const timeoutMs = 120_000

/** Installs the reconciler's own manifests, with what differs on this machine, and waits until it is ready. */
export async function deployReconciler(options: DeployReconcilerOptions): Promise<void> {
  const { cluster, image, signal, onStep } = options
  const bounds = { timeoutMs, ...(signal && { signal }) }
  onStep?.('installing the reconciler')
  const definitions = await readInOrder(join(checkout, 'manifests', 'crd'))
  const objects = await readInOrder(join(checkout, 'manifests', 'reconciler'))
  await applyObjects(cluster.kubeconfig, [...definitions, ...ciObjects], bounds)
  await applyObjects(
    cluster.kubeconfig,
    objects.map((object) => localize(object, image)),
    bounds,
  )
  await applyObjects(cluster.kubeconfig, [trustedAuthority(await readFile(cluster.caFile, 'utf8'))], bounds)
  onStep?.('waiting for the reconciler')
  await waitForDeployment(cluster.kubeconfig, { namespace, name: 'windlass' }, bounds)
}

/** CI's identity: on GitHub a repository's environment, here a service account without any right in the cluster. */
const ciObjects: readonly Manifest[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ciIdentity.namespace } },
  {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: ciIdentity.serviceAccount, namespace: ciIdentity.namespace },
    automountServiceAccountToken: false,
  },
]

const authorityVolume = 'local-ca'

const identityTokenPath = '/var/run/secrets/azure/tokens'

/**
 * What AKS's webhook adds to pods that are labelled azure.workload.identity/use.
 * https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html
 */
const identityToken = {
  name: 'azure-identity-token',
  projected: {
    sources: [
      { serviceAccountToken: { path: 'azure-identity-token', audience: tokenAudience, expirationSeconds: 3600 } },
    ],
  },
} as const

/** The CA under which registry and authority answer here; on Azure they have public certificates. */
function trustedAuthority(caPem: string): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: authorityVolume, namespace },
    data: { 'ca.crt': caPem },
  }
}

interface Container {
  readonly name: string
  readonly env?: readonly { readonly name: string }[]
  readonly volumeMounts?: readonly object[]
}

interface DeploymentManifest extends Manifest {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly Container[]; readonly volumes?: readonly object[] }
    }
  }
}

function localize(object: Manifest, image: string): Manifest {
  if (object.kind !== 'Deployment') return object
  const { spec } = object as DeploymentManifest
  const { containers, volumes = [] } = spec.template.spec
  const podSpec = {
    ...spec.template.spec,
    containers: containers.map((container) => localizeContainer(container, image)),
    volumes: [...volumes, { name: authorityVolume, configMap: { name: authorityVolume } }, identityToken],
  }
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: podSpec } } }
}

function localizeContainer(container: Container, image: string): Container & { readonly image: string } {
  const values: Readonly<Record<string, string>> = {
    WINDLASS_REGISTRIES: platform.registryHost,
    AZURE_AUTHORITY_HOST: authorityHost,
    AZURE_TENANT_ID: platform.tenantId,
    AZURE_CLIENT_ID: reconcilerIdentity.clientId,
    AZURE_FEDERATED_TOKEN_FILE: `${identityTokenPath}/azure-identity-token`,
    // Microsoft's directory of clouds does not know this authority.
    WINDLASS_DISABLE_INSTANCE_DISCOVERY: 'true',
    NODE_EXTRA_CA_CERTS: '/etc/windlass/local-ca/ca.crt',
    WINDLASS_LOG_LEVEL: 'debug',
  }
  const kept = (container.env ?? []).filter(({ name }) => !Object.hasOwn(values, name))
  return {
    ...container,
    image,
    env: [...kept, ...Object.entries(values).map(([name, value]) => ({ name, value }))],
    volumeMounts: [
      ...(container.volumeMounts ?? []),
      { name: authorityVolume, mountPath: '/etc/windlass/local-ca', readOnly: true },
      { name: identityToken.name, mountPath: identityTokenPath, readOnly: true },
    ],
  }
}
