import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkout } from './checkout.ts'
import { ciIdentity, reconcilerIdentity } from './identities.ts'
import { applyObjects, type Manifest, waitForDeployment } from './install.ts'
import { readInOrder } from './manifest-files.ts'
import type { NativeCluster } from './native/cluster.ts'
import {
  authorityVolume,
  localEnvironment,
  localRegistries,
  localVolumeMounts,
  localVolumes,
} from './reconciler-settings.ts'

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
  await applyObjects(cluster.kubeconfig, [...definitions, ...localCi], bounds)
  await applyObjects(
    cluster.kubeconfig,
    objects.map((object) => localize(object, image, cluster.nodeIp)),
    bounds,
  )
  await applyObjects(cluster.kubeconfig, [trustedAuthority(await readFile(cluster.caFile, 'utf8'))], bounds)
  onStep?.('waiting for the reconciler')
  await waitForDeployment(cluster.kubeconfig, { namespace, name: 'windlass' }, bounds)
}

/** CI's identity: on GitHub a repository's environment, here a service account without any right in the cluster. */
export const localCi: readonly Manifest[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ciIdentity.namespace } },
  {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: ciIdentity.serviceAccount, namespace: ciIdentity.namespace },
    automountServiceAccountToken: false,
  },
]

/** The CA under which registry and authority answer here; on Azure they have public certificates. */
export function trustedAuthority(caPem: string): Manifest {
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

function localize(object: Manifest, image: string, nodeIp: string): Manifest {
  if (object.kind === 'NetworkPolicy') return withNodeDns(object as PolicyManifest, nodeIp)
  if (object.kind !== 'Deployment') return object
  const { spec } = object as DeploymentManifest
  const { containers, volumes = [] } = spec.template.spec
  const podSpec = {
    ...spec.template.spec,
    containers: containers.map((container) => localizeContainer(container, image)),
    volumes: [...volumes, ...localVolumes],
  }
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: podSpec } } }
}

interface PolicyManifest extends Manifest {
  readonly spec: { readonly egress: readonly object[] }
}

/** Names are resolved by a process of the node here, and not by a pod of kube-system. */
function withNodeDns(policy: PolicyManifest, nodeIp: string): Manifest {
  const ports = (['UDP', 'TCP'] as const).map((protocol) => ({ protocol, port: 53 }))
  const rule = { to: [{ ipBlock: { cidr: `${nodeIp}/32` } }], ports }
  return { ...policy, spec: { ...policy.spec, egress: [...policy.spec.egress, rule] } }
}

function localizeContainer(container: Container, image: string): Container & { readonly image: string } {
  const values: Readonly<Record<string, string>> = {
    WINDLASS_REGISTRIES: localRegistries.join(),
    ...localEnvironment,
  }
  const kept = (container.env ?? []).filter(({ name }) => !Object.hasOwn(values, name))
  return {
    ...container,
    image,
    env: [...kept, ...Object.entries(values).map(([name, value]) => ({ name, value }))],
    volumeMounts: [...(container.volumeMounts ?? []), ...localVolumeMounts],
  }
}
