import { useBackend } from './backend.ts'
import type { Config } from './config.ts'
import { pinProvider } from './overrides.ts'
import { AzurermProvider, TerraformStack, type App, type TerraformElement } from './tf.ts'

export type StackName = 'base' | 'platform' | 'cluster'

/** Addresses are the path of constructs, without the hashes of cdktf: they are read in plans, and outlive a rewrite. */
class NamedStack extends TerraformStack {
  protected override allocateLogicalId(element: TerraformElement | TerraformElement['node']): string {
    const node = 'node' in element ? element.node : element
    const path = node.path.split('/').slice(1)
    return path.map((part) => part.replaceAll(/[^\w-]/g, '_')).join('-')
  }
}

/** An empty stack with its remote state and its pinned provider. */
export function createStack(app: App, name: StackName, config: Config): TerraformStack {
  const stack = new NamedStack(app, name)
  useBackend(stack, name, config)
  pinProvider(stack)
  new AzurermProvider(stack, 'azurerm', {
    subscriptionId: config.subscriptionId,
    tenantId: config.tenantId,
    storageUseAzuread: true,
    // As the backend does: in a pipeline the token of its job, at a desk the login of the Azure CLI.
    useOidc: true,
    // The identity that applies has rights on resource groups only; the one-time bootstrap registers providers.
    resourceProviderRegistrations: 'none',
    features: [
      {
        resourceGroup: [{ preventDeletionIfContainsResources: true }],
        logAnalyticsWorkspace: [{ permanentlyDeleteOnDestroy: false }],
        // Queues and containers are managed through the resource manager, so no role on their content is needed.
        storage: [{ dataPlaneAvailable: false }],
      },
    ],
  })
  return stack
}

export function tagsOf({ workload, environment }: Config): Record<string, string> {
  return { workload, environment, 'managed-by': 'windlass-infra' }
}
