import type { KubeConfig, V1Pod } from '@kubernetes/client-node'
import { CoreV1Api } from '@kubernetes/client-node'
import type { Logger } from 'pino'
import { convergeOnChange } from '../converge-on-change.ts'
import { writeWhole } from '../files.ts'
import { followObjects } from '../follow-objects.ts'
import { podTargets } from './targets.ts'

export interface DiscoveryOptions {
  readonly kubeConfig: KubeConfig
  /** Where the targets go, as JSON. Prometheus watches the folder, so that a changed file counts at once. */
  readonly file: string
  readonly log: Logger
  readonly signal: AbortSignal
}

const settleMs = 100

/** Keeps a file for Prometheus's discovery as the pods of the cluster are, until the signal aborts. */
export async function runDiscovery({ kubeConfig, file, log, signal }: DiscoveryOptions): Promise<void> {
  const core = kubeConfig.makeApiClient(CoreV1Api)
  let written: string | undefined
  const loop = convergeOnChange({
    settleMs,
    log,
    signal,
    converge: async () => {
      const found = pods()
      if (found === undefined) return
      const groups = podTargets(found)
      const text = JSON.stringify(groups, undefined, 2)
      if (text === written) return
      await writeWhole(file, text)
      written = text
      log.info({ targets: groups.length }, 'wrote targets')
    },
  })
  const options = { kubeConfig, log, signal, onChange: loop.wake }
  const pods = followObjects<V1Pod>(options, '/api/v1/pods', () => core.listPodForAllNamespaces())
  await loop.ended
}
