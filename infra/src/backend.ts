import type { Config } from './config.ts'
import type { StackName } from './stack.ts'
import { AzurermBackend, type TerraformStack } from './tf.ts'

/** The path of a stack's state within the container. */
export function stateKey({ environment }: Config, name: StackName): string {
  return `${environment}/${name}.tfstate`
}

/**
 * Keeps a stack's state in the environment's storage account, by Entra ID alone: the account has no keys. Every part is
 * written out, so that none is taken from whatever environment the run has, and cdktf's local backend is never used.
 */
export function useBackend(stack: TerraformStack, name: StackName, config: Config): void {
  new AzurermBackend(stack, {
    storageAccountName: config.state.storageAccountName,
    containerName: config.state.containerName,
    key: stateKey(config, name),
    subscriptionId: config.subscriptionId,
    tenantId: config.tenantId,
    useAzureadAuth: true,
    // In a pipeline; where there is no such token, as at a desk, the login of the Azure CLI is used.
    useOidc: true,
  })
}
