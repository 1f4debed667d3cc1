import { ids } from './ids.ts'
import { json, type Recording } from './recording.ts'

const sizeOfNodes = {
  // https://learn.microsoft.com/rest/api/compute/resource-skus/list
  capabilities: [
    { name: 'MaxResourceVolumeMB', value: '153600' },
    { name: 'vCPUs', value: '4' },
    { name: 'MemoryGB', value: '16' },
    { name: 'EphemeralOSDiskSupported', value: 'True' },
  ],
  family: 'standardDDSv5Family',
  locationInfo: [{ location: 'westeurope', zoneDetails: [], zones: ['1', '2', '3'] }],
  locations: ['westeurope'],
  name: 'Standard_D4ds_v5',
  resourceType: 'virtualMachines',
  restrictions: [],
  size: 'D4ds_v5',
  tier: 'Standard',
}

/** https://learn.microsoft.com/rest/api/compute/usage/list; the Azure CLI prints the numbers as text. */
const usages = [
  ['Total Regional vCPUs', 'cores', '12', '100'],
  ['Standard DDSv5 Family vCPUs', 'standardDDSv5Family', '0', '50'],
].map(([localName, value, currentValue, limit]) => ({
  currentValue,
  limit,
  localName,
  name: { localizedValue: localName, value },
  unit: 'Count',
}))

export const preflightRecordings: readonly Recording[] = [
  // https://learn.microsoft.com/cli/azure/reference-index#az-version
  { command: 'az version', stdout: json({ 'azure-cli': '2.91.0', 'azure-cli-core': '2.91.0', extensions: {} }) },
  // https://developer.hashicorp.com/terraform/cli/commands/version
  {
    command: 'terraform version -json',
    stdout: json({
      terraform_version: '1.11.4',
      platform: 'linux_amd64',
      provider_selections: {},
      terraform_outdated: false,
    }),
  },
  {
    command: 'kubectl version --client',
    stdout: json({ clientVersion: { major: '1', minor: '36', gitVersion: 'v1.36.2' } }),
  },
  {
    command: 'kubelogin --version',
    stdout:
      'kubelogin version \ngit hash: v0.2.13/5d1a6b7\nGo version: go1.26.0\nBuild time: 2026-06-02T08:11:40Z\nPlatform: linux/amd64',
  },
  { command: 'helm version', stdout: 'v4.3.1' },
  {
    command: 'gh --version',
    stdout: 'gh version 2.81.0 (2026-05-12)\nhttps://github.com/cli/cli/releases/tag/v2.81.0',
  },
  // https://learn.microsoft.com/cli/azure/account#az-account-show
  {
    command: 'az account show',
    stdout: json({
      environmentName: 'AzureCloud',
      homeTenantId: ids.tenant,
      id: ids.subscription,
      isDefault: true,
      managedByTenants: [],
      name: 'Contoso development',
      state: 'Enabled',
      tenantId: ids.tenant,
      user: { name: 'ada@contoso.com', type: 'user' },
    }),
  },
  {
    command: 'az account show --query',
    stdout: json({ tenantId: ids.tenant, user: { name: 'ada@contoso.com', type: 'user' } }),
  },
  // https://learn.microsoft.com/graph/api/user-get
  {
    command: 'az ad signed-in-user show',
    stdout: json({
      '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#users/$entity',
      displayName: 'Ada',
      id: ids.operator,
      userPrincipalName: 'ada@contoso.com',
    }),
  },
  // https://learn.microsoft.com/cli/azure/ad/group/member#az-ad-group-member-check
  { command: `az ad group member check --group ${ids.administrators}`, stdout: json({ value: true }) },
  // https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource-group
  {
    command: 'az rest --method get --url',
    stdout: json({
      value: [
        { actions: ['*/read'], notActions: [], dataActions: [], notDataActions: [] },
        { actions: ['*'], notActions: [], dataActions: [], notDataActions: [] },
      ],
    }),
  },
  { command: 'az resource list --name', stdout: '[]' },
  { command: 'az vm list-skus', stdout: json([sizeOfNodes]) },
  { command: 'az vm list-usage', stdout: json(usages) },
  // https://learn.microsoft.com/rest/api/aks/managed-clusters/list-kubernetes-versions
  {
    command: 'az aks get-versions',
    stdout: json({
      values: [
        { capabilities: { supportPlan: ['KubernetesOfficial'] }, isDefault: null, isPreview: true, version: '1.37' },
        { capabilities: { supportPlan: ['KubernetesOfficial'] }, isDefault: true, isPreview: null, version: '1.36' },
        { capabilities: { supportPlan: ['KubernetesOfficial'] }, isDefault: null, isPreview: null, version: '1.35' },
      ],
    }),
  },
  // https://learn.microsoft.com/rest/api/storagerp/storage-accounts/check-name-availability
  { command: 'az storage account check-name', stdout: json({ message: null, nameAvailable: true, reason: null }) },
  // https://learn.microsoft.com/rest/api/containerregistry/registries/check-name-availability
  { command: 'az acr check-name', stdout: json({ message: null, nameAvailable: true, reason: null }) },
  // https://docs.github.com/rest/repos/repos#get-a-repository
  { command: 'gh api repos/fabrikam/windlass --jq .permissions.admin', stdout: 'true' },
]
