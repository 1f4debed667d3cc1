import { askJson, type CallOptions } from '../../calls/call.ts'
import { az, runUnless, type AzureContext } from '../context.ts'
import { readOperator } from '../operator.ts'
import { calling, done, toDo, type Action, type AzureStep } from '../step.ts'

const dataRole = 'Storage Blob Data Contributor'

/**
 * Makes what keeps the stacks' state, which Terraform's backend needs before its first run, as infra's state.ts has it;
 * the first apply of the stack base imports it, and sets what the Azure CLI has no option for.
 */
export const state: AzureStep = {
  name: 'state',
  title: 'Where the state is kept',
  find: async (context) => {
    const { names, config } = context.environment
    const missing = await missingParts(context)
    if (missing.length > 0) return toDo(`missing: ${missing.join(', ')}`)
    const problem = await accessProblem(context)
    return problem === undefined
      ? done(`${config.state.storageAccountName} in ${names.stateGroup}`)
      : toDo(`your right to read and write it is not known yet (${problem})`)
  },
  actions: async (context) => {
    const missing = await missingParts(context).catch((error: unknown) => {
      if (!context.isDryRun) throw error
      return parts
    })
    const operator = await readOperator(context)
    const makers = makersOf(context, operator.objectId, operator.type)
    return missing.flatMap((part) => makers[part])
  },
  // A role is known everywhere within ten minutes.
  settleMs: 15 * 60_000,
}

const parts = ['group', 'account', 'container', 'role'] as const
type Part = (typeof parts)[number]

const isNotFound = /ResourceGroupNotFound|ResourceNotFound|ContainerNotFound|could not be found|was not found/i

async function missingParts(context: AzureContext): Promise<readonly Part[]> {
  const { config, names, ids } = context.environment
  const { storageAccountName: account } = config.state
  const within = { 'resource-group': names.stateGroup }
  const exists = await context.run(az(context, 'group exists', { name: names.stateGroup }))
  if (exists.stdout.trim() !== 'true') return parts
  const showAccount = az(context, 'storage account show', { name: account, ...within })
  if ((await runUnless(context, showAccount, isNotFound)) === undefined) return parts.slice(1)

  const missing: Part[] = []
  const showBlobs = az(context, 'storage account blob-service-properties show', { 'account-name': account, ...within })
  const { isVersioningEnabled } = await askJson<{ isVersioningEnabled: boolean | null }>(context.run, showBlobs)
  if (isVersioningEnabled !== true) missing.push('account')
  if (!(await hasStateContainer(context))) return [...missing, 'container', 'role']

  const given = az(context, 'role assignment list', {
    assignee: (await readOperator(context)).objectId,
    role: dataRole,
    scope: ids.stateContainer,
    'include-inherited': true,
    'include-groups': true,
  })
  const isGiven = (await askJson<readonly unknown[]>(context.run, given)).length > 0
  return isGiven ? missing : [...missing, 'role']
}

/** Whether there is a place that the stacks' state could be in. */
export async function hasStateContainer(context: AzureContext): Promise<boolean> {
  const { names, config } = context.environment
  const container = {
    name: config.state.containerName,
    'storage-account': config.state.storageAccountName,
    'resource-group': names.stateGroup,
  }
  return (await runUnless(context, az(context, 'storage container-rm show', container), isNotFound)) !== undefined
}

function makersOf(
  context: AzureContext,
  objectId: string,
  principalType: string,
): Readonly<Record<Part, readonly Action[]>> {
  const { config, names, ids, tags } = context.environment
  const { location } = config
  const { storageAccountName: account, containerName } = config.state
  const within = { 'resource-group': names.stateGroup }
  const make = (command: string, options: CallOptions): Action => calling(az(context, command, options))
  return {
    group: [make('group create', { name: names.stateGroup, location, tags })],
    account: [
      make('storage account create', {
        name: account,
        ...within,
        location,
        kind: 'StorageV2',
        sku: 'Standard_GRS',
        'https-only': 'true',
        'min-tls-version': 'TLS1_2',
        'allow-shared-key-access': 'false',
        'allow-blob-public-access': 'false',
        'allow-cross-tenant-replication': 'false',
        'enable-local-user': 'false',
        'require-infrastructure-encryption': 'true',
        tags,
      }),
      make('storage account blob-service-properties update', {
        'account-name': account,
        ...within,
        'enable-versioning': 'true',
        'enable-delete-retention': 'true',
        'delete-retention-days': '30',
        'enable-container-delete-retention': 'true',
        'container-delete-retention-days': '30',
      }),
    ],
    container: [
      make('storage container-rm create', {
        name: containerName,
        'storage-account': account,
        ...within,
        'public-access': 'off',
      }),
    ],
    role: [
      make('role assignment create', {
        role: dataRole,
        scope: ids.stateContainer,
        'assignee-object-id': objectId,
        'assignee-principal-type': principalType,
      }),
    ],
  }
}

const isRefused = /AuthorizationPermissionMismatch|required permissions|AuthorizationFailure/

/** Undefined where the state can be read, as Terraform will. */
async function accessProblem(context: AzureContext): Promise<string | undefined> {
  const { storageAccountName, containerName } = context.environment.config.state
  const call = az(context, 'storage blob list', {
    'account-name': storageAccountName,
    'container-name': containerName,
    'auth-mode': 'login',
    'num-results': '1',
  })
  const answer = await runUnless(context, call, isRefused)
  return answer === undefined ? 'AuthorizationPermissionMismatch' : undefined
}
