import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { platform } from '../backend.ts'
import type { NeededProcesses } from '../readiness.ts'
import { assertUp, lastWords } from '../readiness.ts'
import { CommandFailed } from '../run.ts'
import { waitFor } from '../wait.ts'
import type { NativeCluster } from './cluster.ts'

/**
 * Waits until a pod that is made now starts and finds what it asks for: the node is Ready, the default service account
 * exists, and names are answered at the address of the DNS Service.
 */
export async function waitUntilUsable(
  cluster: NativeCluster,
  processes: NeededProcesses,
  signal?: AbortSignal,
): Promise<void> {
  const config = new KubeConfig()
  config.loadFromFile(cluster.kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  await waitForAll(
    {
      'the node to be Ready': async () => {
        const { items } = await core.listNode()
        const conditions = items.flatMap((node) => node.status?.conditions ?? [])
        return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
      },
      'the default service account': async () => {
        const { items } = await core.listNamespacedServiceAccount({ namespace: 'default' })
        return items.some((account) => account.metadata?.name === 'default')
      },
    },
    processes,
    signal,
  )
  // Asked from inside, so that kube-proxy's translation is on the way.
  const names = [`kubernetes.default.svc.${platform.clusterDomain}`, platform.registryHost]
  await waitForAll(
    { [`DNS at ${platform.dnsServiceIp}`]: () => namesAreAnswered(cluster, names, signal) },
    processes,
    signal,
  )
}

async function waitForAll(
  conditions: Readonly<Record<string, () => Promise<boolean>>>,
  processes: NeededProcesses,
  signal: AbortSignal | undefined,
): Promise<void> {
  let missing = Object.entries(conditions)
  await waitFor(
    async () => {
      await assertUp(processes)
      const met = await Promise.all(missing.map(([, isMet]) => isMet()))
      missing = missing.filter((_, index) => !met[index])
      return missing.length === 0 || undefined
    },
    async () =>
      [`still waiting for ${missing.map(([name]) => name).join(' and ')}`, await lastWords(processes)].join('\n'),
    { timeoutMs: 60_000, everyMs: 150, ...(signal && { signal }) },
  )
}

async function namesAreAnswered(
  cluster: NativeCluster,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await cluster.exec(process.execPath, ['-e', resolveNames, platform.dnsServiceIp, ...names], signal && { signal })
    return true
  } catch (error) {
    if (error instanceof CommandFailed && error.exitCode === 1) return false
    throw error
  }
}

const resolveNames = `
const [server, ...names] = process.argv.slice(1)
const resolver = new (require('node:dns').promises.Resolver)({ timeout: 500, tries: 1 })
resolver.setServers([server])
Promise.all(names.map((name) => resolver.resolve4(name))).catch(() => process.exit(1))
`
