import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cluster } from '../backend.ts'
import { checkout } from '../checkout.ts'
import { applyObjects, waitForDeployment } from '../install.ts'
import { waitFor } from '../wait.ts'
import type { PrometheusImages, RuleFiles } from './manifests.ts'
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
  await applyObjects(cluster.kubeconfig, prometheusManifests(images, await shippedRules()), bounds)
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

/** The rules that operators are given, so that the local Prometheus records and fires as theirs does. */
async function shippedRules(): Promise<RuleFiles> {
  const folder = join(checkout, 'dashboards', 'rules')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.rules.yaml')).toSorted()
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  )
}
