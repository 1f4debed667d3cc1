import type { Cluster } from '../backend.ts'
import { applyObjects, waitForDeployment } from '../install.ts'
import { waitFor } from '../wait.ts'
import type { PrometheusImages } from './manifests.ts'
import { prometheusManifests, prometheusName, prometheusNamespace, prometheusPort } from './manifests.ts'
import { queryPrometheus } from './query.ts'

export interface DeployPrometheusOptions {
  readonly cluster: Pick<Cluster, 'kubeconfig' | 'nodeIp'>
  readonly images: PrometheusImages
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

export interface DeployedPrometheus {
  /** Reached from the host; pages for people are below `/classic/`, where Debian keeps them. */
  readonly url: string
}

const timeoutMs = 120_000

/** Resolves when Prometheus answers a query on the node's address. */
export async function deployPrometheus(options: DeployPrometheusOptions): Promise<DeployedPrometheus> {
  const { cluster, images, signal, onStep } = options
  if (cluster.nodeIp === undefined) throw new Error('Prometheus is reached on the address of a node, and none is known')
  const url = `http://${cluster.nodeIp}:${prometheusPort}`
  const bounds = { timeoutMs, ...(signal && { signal }) }

  onStep?.('installing Prometheus')
  await applyObjects(cluster.kubeconfig, prometheusManifests(images), bounds)
  onStep?.('waiting for Prometheus')
  await waitForDeployment(cluster.kubeconfig, { namespace: prometheusNamespace, name: prometheusName }, bounds)
  let last = 'nothing'
  await waitFor(
    async () => {
      try {
        return await queryPrometheus(url, 'vector(1)', bounds)
      } catch (error) {
        signal?.throwIfAborted()
        last = error instanceof Error ? error.message : String(error)
        return undefined
      }
    },
    () => `${url} was to answer a query; last: ${last}`,
    bounds,
  )
  return { url }
}
