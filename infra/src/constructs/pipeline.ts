import { stateKey } from '../backend.ts'
import type { Config } from '../config.ts'
import { grant, roles, type RoleName } from '../roles.ts'
import type { StackName } from '../stack.ts'
import { Construct, RoleDefinition, TerraformOutput, type ResourceGroup, type RoleAssignment } from '../tf.ts'
import { createIdentity, federate } from './identity.ts'

/** All that the platform's and the cluster's stack give to identities, and so all that their pipeline may give. */
const grantedByStacks: readonly RoleName[] = [
  'AcrDelete',
  'AcrPull',
  'AcrPush',
  'Azure Kubernetes Service Cluster User Role',
  'Container Registry Repository Contributor',
  'Container Registry Repository Reader',
  'Container Registry Repository Writer',
  'Managed Identity Operator',
  'Network Contributor',
  'Storage Queue Data Message Processor',
  'Storage Queue Data Message Sender',
]

/** What the pipeline applies. The state of `base` is read by it, for what its stacks take from there. */
const appliedByPipeline: readonly StackName[] = ['platform', 'cluster']

export interface PipelineOptions {
  /** Where its identities live. */
  readonly stateGroup: string
  readonly containerId: string
  /** What they read or write; keyed by the name in the address of an assignment. */
  readonly groups: Readonly<Record<string, ResourceGroup>>
}

/**
 * The two identities of the infrastructure's own pipeline: one that reads for a plan, one that applies. Returns what they
 * are given on the state.
 */
export function createPipeline(parent: Construct, config: Config, options: PipelineOptions): readonly RoleAssignment[] {
  const scope = new Construct(parent, 'pipeline')
  return [createPlanner(scope, config, options), createApplier(scope, config, options)]
}

function createPlanner(
  scope: Construct,
  config: Config,
  { stateGroup, containerId, groups }: PipelineOptions,
): RoleAssignment {
  const { issuer, planSubject } = config.github
  const identity = createIdentity(scope, 'iac-plan', config, stateGroup)
  const { principalId } = identity
  federate(scope, 'iac-plan-github', identity, { issuer, subject: planSubject })
  new TerraformOutput(scope, 'plan-client-id', { value: identity.clientId })
  const onState = grant(scope, 'iac-plan-reads-state', config, {
    principalId,
    role: 'Storage Blob Data Reader',
    on: containerId,
    description: 'Plans compare with the state; they run without its lock',
  })
  // To refresh them, azurerm asks for a cluster's user kubeconfig and for an event subscription's address, which Reader
  // leaves out. Neither holds a credential: local accounts are off, and a queue has no such address.
  const refresh = createRole(scope, 'refresh', config, groups, {
    purpose: 'refreshes',
    actions: [
      'Microsoft.ContainerService/managedClusters/listClusterUserCredential/action',
      'Microsoft.EventGrid/systemTopics/eventSubscriptions/getFullUrl/action',
    ],
  })
  for (const [name, group] of Object.entries(groups)) {
    const description = 'Plans compare with what is there'
    grant(scope, `iac-plan-reads-${name}`, config, { principalId, role: 'Reader', on: group.id, description })
    const role = { id: refresh.roleDefinitionResourceId }
    grant(scope, `iac-plan-refreshes-${name}`, config, { principalId, role, on: group.id, description })
  }
  return onState
}

function createApplier(
  scope: Construct,
  config: Config,
  { stateGroup, containerId, groups }: PipelineOptions,
): RoleAssignment {
  const { issuer, applySubject } = config.github
  const identity = createIdentity(scope, 'iac-apply', config, stateGroup)
  const { principalId } = identity
  federate(scope, 'iac-apply-github', identity, { issuer, subject: applySubject })
  new TerraformOutput(scope, 'apply-client-id', { value: identity.clientId })
  const onState = grant(scope, 'iac-apply-writes-state', config, {
    principalId,
    role: 'Storage Blob Data Contributor',
    on: containerId,
    condition: onlyBlobs(appliedByPipeline.map((name) => stateKey(config, name))),
    description: 'Applies write the state of the stacks that the pipeline applies, and read that of base',
  })
  const locks = createRole(scope, 'lock', config, groups, {
    purpose: 'keeps locks',
    actions: ['Microsoft.Authorization/locks/*'],
  })
  for (const [name, group] of Object.entries(groups)) {
    const on = group.id
    grant(scope, `iac-apply-writes-${name}`, config, {
      principalId,
      role: 'Contributor',
      on,
      description: 'Applies make and change what the stacks hold',
    })
    grant(scope, `iac-apply-grants-${name}`, config, {
      principalId,
      role: 'Role Based Access Control Administrator',
      on,
      condition: onlyRoles(grantedByStacks),
      description: 'Applies give the roles that the stacks name, and no other',
    })
    grant(scope, `iac-apply-locks-${name}`, config, {
      principalId,
      role: { id: locks.roleDefinitionResourceId },
      on,
      description: 'Applies keep the locks that the stacks hold',
    })
  }
  return onState
}

interface OwnRole {
  readonly purpose: string
  readonly actions: readonly string[]
}

function createRole(
  scope: Construct,
  id: string,
  config: Config,
  groups: Readonly<Record<string, ResourceGroup>>,
  { purpose, actions }: OwnRole,
): RoleDefinition {
  const assignableScopes = Object.values(groups).map((group) => group.id)
  const [first = ''] = assignableScopes
  return new RoleDefinition(scope, `role-${id}`, {
    name: `${config.workload} ${config.environment}: ${purpose}`,
    scope: first,
    assignableScopes,
    permissions: [{ actions: [...actions] }],
  })
}

/**
 * Limits who gives or takes roles to some of them. Without it, whoever may give roles may give any to itself.
 * https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
 */
function onlyRoles(names: readonly RoleName[]): string {
  const ids = names.map((name) => roles[name]).join(', ')
  const limit = (verb: string, attribute: string) =>
    `(!(ActionMatches{'Microsoft.Authorization/roleAssignments/${verb}'}) OR ` +
    `(@${attribute}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${ids}}))`
  return `${limit('write', 'Request')} AND ${limit('delete', 'Resource')}`
}

/**
 * Limits what is written, moved and deleted to some blobs; all may be read. An owner of the subscription applies `base`
 * by its state: whoever could write that would have the owner do what it says.
 * https://learn.microsoft.com/azure/storage/blobs/storage-auth-abac-attributes
 */
function onlyBlobs(paths: readonly string[]): string {
  const blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'
  const isAnotherAction = ['write', 'add/action', 'delete', 'move/action']
    .map((verb) => `!(ActionMatches{'${blobs}/${verb}'})`)
    .join(' AND ')
  const isOurs = paths.map((path) => `@Resource[${blobs}:path] StringEquals '${path}'`).join(' OR ')
  return `((${isAnotherAction}) OR (${isOurs}))`
}
