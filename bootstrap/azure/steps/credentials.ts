import { access } from 'node:fs/promises'
import { az, kubeconfigOf, kubectl, type AzureContext } from '../context.ts'
import { argumentsOf } from '../../calls/call.ts'
import { Problem } from '../../calls/problem.ts'
import { calling, done, toDo, type AzureStep } from '../step.ts'

/** A kubeconfig of this cluster alone, whose tokens are those of the Azure CLI's login; it holds no secret itself. */
export const credentials: AzureStep = {
  name: 'credentials',
  title: "The cluster's kubeconfig",
  find: async (context) => {
    const isThere = await access(kubeconfigOf(context)).then(
      () => true,
      () => false,
    )
    if (!isThere) return toDo('there is none yet')
    await assertAdministrator(context)
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

async function assertAdministrator(context: AzureContext): Promise<void> {
  const ask = kubectl(context, 'auth can-i * *', { 'all-namespaces': true })
  // It answers no by its exit code, on stdout.
  const { stdout, stderr } = await context.run({ ...ask, accept: [1] })
  if (stdout.startsWith('yes')) return
  // The same code stands for an API server that was not reached.
  if (!stdout.startsWith('no') && stderr !== '') await context.run(ask)
  const { config, names } = context.environment
  throw new Problem({
    what: `cluster ${names.cluster}`,
    why: 'you are not its administrator',
    mend: `be a member of one of its groups (${config.adminGroupObjectIds.join(', ')}), then az logout and az login`,
  })
}
