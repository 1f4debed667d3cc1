import { request } from 'undici'
import type { Cluster } from '../backend.ts'
import { platform } from '../backend.ts'
import { applyObjects, waitForDeployment } from '../install.ts'
import { waitFor } from '../wait.ts'
import type { IngressManifestOptions } from './manifests.ts'
import { ingressManifests, ingressName, ingressNamespace } from './manifests.ts'

export interface DeployIngressOptions extends IngressManifestOptions {
  readonly cluster: Pick<Cluster, 'kubeconfig' | 'nodeIp' | 'backend' | 'exec'>
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

export interface DeployedIngress {
  /** Reached from the host; the Host header picks the Ingress. */
  readonly url: string
}

const timeoutMs = 120_000

/**
 * HAProxy opens a connection a request, and the node's table keeps each for this long after its end: for the kernel's
 * two minutes it would be full, and drop packets, from two thousand requests a second on.
 */
const shortenTimeWait = 'echo 10 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait'

/** Resolves when the Ingress answers on the node's address, if only with 404. */
export async function deployIngress(options: DeployIngressOptions): Promise<DeployedIngress> {
  const { cluster, image, tls, signal, onStep } = options
  if (cluster.nodeIp === undefined)
    throw new Error('the Ingress is reached on the address of a node, and none is known')
  const url = `http://${cluster.nodeIp}:${platform.ingressPort}`
  const bounds = { timeoutMs, ...(signal && { signal }) }

  onStep?.('installing the Ingress controller')
  // A node that others use too is not ours to set.
  if (cluster.backend === 'native') await cluster.exec('sh', ['-c', shortenTimeWait], bounds)
  await applyObjects(cluster.kubeconfig, ingressManifests({ image, ...(tls !== undefined && { tls }) }), bounds)
  onStep?.('waiting for the Ingress controller')
  await waitForDeployment(cluster.kubeconfig, { namespace: ingressNamespace, name: ingressName }, bounds)
  await untilIngressAnswers(url, bounds)
  return { url }
}

/** Waits until whatever serves Ingresses answers, if only with 404. */
export async function untilIngressAnswers(
  url: string,
  bounds: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  const { signal } = bounds
  let last = 'nothing'
  await waitFor(
    async () => {
      try {
        const { statusCode, body } = await request(url, {
          reset: true,
          headersTimeout: 5_000,
          ...(signal && { signal }),
        })
        await body.dump()
        last = `status ${statusCode}`
        return statusCode < 500 || undefined
      } catch (error) {
        signal?.throwIfAborted()
        last = error instanceof Error ? error.message : String(error)
        return undefined
      }
    },
    () => `${url} was to answer; last: ${last}`,
    bounds,
  )
}
