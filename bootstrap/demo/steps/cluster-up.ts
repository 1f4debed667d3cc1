import { join } from 'node:path'
import { ClusterIsUpError, platform as names } from '../../local/backend.ts'
import { checkout } from '../../local/checkout.ts'
import { type DemoContext, clusterOf, worldOf } from '../context.ts'
import { predictorHost } from '../names.ts'
import { eventually } from '../eventually.ts'
import { makeScratchRepository } from '../scratch-repository.ts'
import { notOk, ok, type Step } from '../step.ts'
import { openWorld } from '../world.ts'

export const clusterUp: Step<DemoContext> = {
  name: 'cluster-up',
  title: 'A Kubernetes cluster with a real node',
  act: async (context, report) => {
    const { backend, clusterName, signal } = context
    const options = { name: clusterName, mustBeNew: true, signal, onStep: report }
    const cluster = await backend.up(options).catch((error: unknown) => {
      context.isAnothers = error instanceof ClusterIsUpError
      throw error
    })
    context.cluster = cluster
    context.world = openWorld({
      kubeconfig: cluster.kubeconfig,
      ingressUrl: `http://${cluster.nodeIp}:${names.ingressPort}`,
      ingressHost: predictorHost,
    })
    context.scratch = await makeScratchRepository(checkout, join(cluster.stateDir, 'scratch'), signal)
  },
  check: (context, options) =>
    eventually(async (signal) => {
      const { items } = await worldOf(context).core.listNode()
      const notReady = items.filter(
        ({ status }) => !status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      )
      if (items.length === 0 || notReady.length > 0)
        return notOk(`${notReady.length} of ${items.length} nodes are not Ready`)
      const cluster = clusterOf(context)
      const { stdout } = await cluster.exec('getent', ['hosts', names.registryHost], { signal })
      if (!stdout.includes(cluster.nodeIp)) return notOk(`${names.registryHost} resolves to '${stdout}'`)
      const [node] = items
      return ok(`node ${node?.metadata?.name} is Ready, Kubernetes ${node?.status?.nodeInfo?.kubeletVersion}`)
    }, options),
}
