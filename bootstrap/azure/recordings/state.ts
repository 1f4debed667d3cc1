import { ids } from './ids.ts'
import { json, type Recording } from './recording.ts'

const group = `/subscriptions/${ids.subscription}/resourceGroups/rg-windlass-dev-state`
const account = `${group}/providers/Microsoft.Storage/storageAccounts/sttfcontosodev`
const container = `${account}/blobServices/default/containers/tfstate`

const shownAccount = json({
  // https://learn.microsoft.com/rest/api/storagerp/storage-accounts/get-properties
  allowBlobPublicAccess: false,
  allowCrossTenantReplication: false,
  allowSharedKeyAccess: false,
  enableHttpsTrafficOnly: true,
  encryption: { keySource: 'Microsoft.Storage', requireInfrastructureEncryption: true },
  id: account,
  isLocalUserEnabled: false,
  kind: 'StorageV2',
  location: 'westeurope',
  minimumTlsVersion: 'TLS1_2',
  name: 'sttfcontosodev',
  provisioningState: 'Succeeded',
  resourceGroup: 'rg-windlass-dev-state',
  sku: { name: 'Standard_GRS', tier: 'Standard' },
  type: 'Microsoft.Storage/storageAccounts',
})

const blobService = (isVersioningEnabled: boolean | null): string =>
  // https://learn.microsoft.com/rest/api/storagerp/blob-services/get-service-properties
  json({
    containerDeleteRetentionPolicy: isVersioningEnabled ? { days: 30, enabled: true } : { enabled: false },
    deleteRetentionPolicy: isVersioningEnabled ? { days: 30, enabled: true } : { enabled: false },
    id: `${account}/blobServices/default`,
    isVersioningEnabled,
    name: 'default',
    resourceGroup: 'rg-windlass-dev-state',
  })

const shownContainer = json({
  id: container,
  name: 'tfstate',
  publicAccess: 'None',
  resourceGroup: 'rg-windlass-dev-state',
})

const assignment = {
  // https://learn.microsoft.com/rest/api/authorization/role-assignments/get
  condition: null,
  createdOn: '2026-11-20T09:12:44.214311+00:00',
  id: `${container}/providers/Microsoft.Authorization/roleAssignments/5b1f0f6e-8a3c-4d51-9c6a-2f7d8e9a0b1c`,
  principalId: ids.operator,
  principalName: 'ada@contoso.com',
  principalType: 'User',
  roleDefinitionName: 'Storage Blob Data Contributor',
  scope: container,
  type: 'Microsoft.Authorization/roleAssignments',
}

const notFound = (what: string): Partial<Recording> => ({
  exitCode: 3,
  stderr: `ERROR: (${what}) The Resource was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix\nCode: ${what}`,
})

/** https://learn.microsoft.com/azure/storage/common/storage-ref-azcli-errors; the wording is the Azure CLI's. */
const mayNotRead: Partial<Recording> = {
  exitCode: 1,
  stderr:
    'ERROR: \nYou do not have the required permissions needed to perform this operation.\nDepending on your operation, ' +
    'you may need to be assigned one of the following roles:\n    "Storage Blob Data Owner"\n    "Storage Blob Data Contributor"',
}

export const stateRecordings: readonly Recording[] = [
  { command: 'az group exists --name rg-windlass-dev-state', stdout: 'false' },
  { command: 'az group exists --name rg-windlass-dev-state', after: 'az group create', stdout: 'true' },
  {
    command: 'az group create',
    // https://learn.microsoft.com/rest/api/resources/resource-groups/create-or-update
    stdout: json({
      id: group,
      location: 'westeurope',
      name: 'rg-windlass-dev-state',
      properties: { provisioningState: 'Succeeded' },
    }),
  },
  { command: 'az storage account show', ...notFound('ResourceNotFound') },
  { command: 'az storage account show', after: 'az storage account create', stdout: shownAccount },
  { command: 'az storage account create', stdout: shownAccount },
  { command: 'az storage account blob-service-properties show', stdout: blobService(null) },
  {
    command: 'az storage account blob-service-properties show',
    after: 'az storage account blob-service-properties update',
    stdout: blobService(true),
  },
  { command: 'az storage account blob-service-properties update', stdout: blobService(true) },
  { command: 'az storage container-rm show', ...notFound('ContainerNotFound') },
  { command: 'az storage container-rm show', after: 'az storage container-rm create', stdout: shownContainer },
  { command: 'az storage container-rm create', stdout: shownContainer },
  { command: 'az role assignment list --assignee', stdout: '[]' },
  {
    command: 'az role assignment list --assignee',
    after: "az role assignment create --role 'Storage",
    stdout: json([assignment]),
  },
  { command: "az role assignment create --role 'Storage Blob Data Contributor'", stdout: json(assignment) },
  { command: 'az storage blob list', ...mayNotRead },
  { command: 'az storage blob list', after: "az role assignment create --role 'Storage", stdout: '[]' },
]
