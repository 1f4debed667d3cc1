import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { az, kubeconfigOf, kubectl, type AzureContext } from '../context.ts'
import { argumentsOf, askJson } from '../../calls/call.ts'
import { failureOf } from '../../calls/explained.ts'
import { Problem } from '../../calls/problem.ts'
import { calling, done, toDo, type AzureStep } from '../step.ts'

/**
 * A kubeconfig of this cluster alone, whose tokens are those of the Azure CLI's login; it holds no secret itself. Where the
 * cluster was made anew under its name, what the file says of it is fetched anew, and other contexts in it stay.
 */
export const credentials: AzureStep = {
  name: 'credentials',
  title: "The cluster's kubeconfig",
  find: async (context) => {
    const text = await readFile(kubeconfigOf(context), 'utf8').catch(() => undefined)
    if (text === undefined) return toDo('there is none yet')
    const hosts = await hostsOfCluster(context)
    const host = hostOf(text)
    if (host === undefined || !hosts.includes(host)) {
      return toDo(`it is of ${host ?? 'no cluster'}, and the cluster is at ${hosts.join(' or ')}`)
    }
    if (!(await answersAdministrator(context))) return toDo('its certificate is that of a cluster before this one')
    return done(`export KUBECONFIG=${kubeconfigOf(context)}`)
  },
  actions: (context) => {
    const { names } = context.environment
    const file = kubeconfigOf(context)
    const cluster = { 'resource-group': names.clusterGroup, name: names.cluster }
    const args = argumentsOf('convert-kubeconfig', { login: 'azurecli', kubeconfig: file })
    return [
      calling(az(context, 'aks get-credentials', { ...cluster, file, 'overwrite-existing': true })),
      calling({ program: 'kubelogin', args }),
    ]
  },
}

/** `az aks show`: https://learn.microsoft.com/rest/api/aks/managed-clusters/get */
interface Cluster {
  readonly fqdn: string | null
  readonly privateFqdn: string | null
}

/** Where its API server is; each cluster has a name of its own there, also where it is called like one before it. */
async function hostsOfCluster(context: AzureContext): Promise<readonly string[]> {
  const { names } = context.environment
  const show = {
    name: names.cluster,
    'resource-group': names.clusterGroup,
    query: '{fqdn: fqdn, privateFqdn: privateFqdn}',
  }
  const { fqdn, privateFqdn } = await askJson<Cluster>(context.run, az(context, 'aks show', show))
  return [fqdn, privateFqdn].flatMap((host) => host?.toLowerCase() ?? [])
}

/** https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
interface Kubeconfig {
  readonly clusters?: readonly { readonly name: string; readonly cluster: { readonly server?: string } }[] | null
  readonly contexts?: readonly { readonly name: string; readonly context: { readonly cluster: string } }[] | null
  readonly 'current-context'?: string
}

/** The host of the context that kubectl takes; undefined where the file does not name one, as where a write was ended. */
function hostOf(text: string): string | undefined {
  try {
    const { clusters, contexts, ...kubeconfig } = (parse(text) ?? {}) as Kubeconfig
    const current = contexts?.find(({ name }) => name === kubeconfig['current-context'])
    const server = clusters?.find(({ name }) => name === current?.context.cluster)?.cluster.server
    return server === undefined ? undefined : new URL(server).hostname
  } catch {
    return undefined
  }
}

/** Whether the server is the one whose certificate the file has; rejects where whoever asks does not administer it. */
async function answersAdministrator(context: AzureContext): Promise<boolean> {
  const ask = kubectl(context, 'auth can-i * *', { 'all-namespaces': true })
  try {
    const { stdout } = await context.run(ask)
    if (stdout.startsWith('yes')) return true
  } catch (error) {
    const failure = failureOf(error)
    if (failure?.exitCode !== 1) throw error
    const { stdout, stderr } = failure
    if (/certificate signed by unknown authority/.test(stderr)) return false
    // It answers no by its exit code, on stdout; the same code stands for an API server that was not reached.
    if (!stdout.startsWith('no') && stderr !== '') throw error
  }
  const { config, names } = context.environment
  throw new Problem({
    what: `cluster ${names.cluster}`,
    why: 'you are not its administrator',
    mend: `be a member of one of its groups (${config.adminGroupObjectIds.join(', ')}), then az logout and az login`,
  })
}
