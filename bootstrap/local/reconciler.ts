import { readFile } from 'node:fs/promises'
import { reconcilerDeployment, reconcilerObjects, type ReconcilerPlacement } from '../cluster/reconciler.ts'
import type { LocalCluster } from './backend.ts'
import { ciIdentity, reconcilerIdentity } from './identities.ts'
import { applyObjects, type Manifest, waitForDeployment } from './install.ts'
import {
  authorityVolume,
  localEnvironment,
  localRegistries,
  localVolumeMounts,
  localVolumes,
} from './reconciler-settings.ts'

export interface DeployReconcilerOptions {
  readonly cluster: LocalCluster
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
  const objects = await reconcilerObjects(localPlacement(image, cluster.nameServers))
  await applyObjects(cluster.kubeconfig, [...objects, ...localCi], bounds)
  await applyObjects(cluster.kubeconfig, [trustedAuthority(await readFile(cluster.caFile, 'utf8'))], bounds)
  onStep?.('waiting for the reconciler')
  await waitForDeployment(cluster.kubeconfig, reconcilerDeployment, bounds)
}

/** What differs on this machine; a name server that is no pod of kube-system has to be named. */
export function localPlacement(image: string, nameServers: readonly string[]): ReconcilerPlacement {
  return {
    image,
    registries: localRegistries,
    environment: localEnvironment,
    volumes: localVolumes,
    volumeMounts: localVolumeMounts,
    nameServers: nameServers.map((address) => `${address}/32`),
  }
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
