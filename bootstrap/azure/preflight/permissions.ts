import { askJson } from '../../calls/call.ts'
import { azDirectory, type AzureContext } from '../context.ts'
import { readOperator } from '../operator.ts'
import { Problem } from '../../calls/problem.ts'
import type { Check } from './check.ts'

/** What the steps do on the subscription itself; what they do below it is allowed by the same roles. */
const neededActions = [
  'Microsoft.Resources/subscriptions/resourceGroups/write',
  'Microsoft.Storage/register/action',
  'Microsoft.Storage/storageAccounts/write',
  'Microsoft.ManagedIdentity/userAssignedIdentities/write',
  'Microsoft.Authorization/roleAssignments/write',
  'Microsoft.Authorization/roleDefinitions/write',
  'Microsoft.Authorization/locks/write',
] as const

/** https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource-group */
export interface Permission {
  readonly actions: readonly string[]
  readonly notActions: readonly string[]
}

export const permissions: Check = {
  what: 'permissions on the subscription',
  look: async (context) => {
    const { ids } = context.environment
    const url = `https://management.azure.com${ids.subscription}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01`
    const { value } = await askJson<{ value: readonly Permission[] }>(
      context.run,
      azDirectory('rest', { method: 'get', url }),
    )
    const missing = neededActions.filter((action) => !allows(value, action))
    if (missing.length === 0) return []
    const { name, objectId } = await readOperator(context)
    return [
      new Problem({
        what: `permissions of ${name} on ${ids.subscription}`,
        why: `missing are ${missing.join(', ')}`,
        mend: `have an owner type: az role assignment create --role Owner --assignee-object-id ${objectId} --scope ${ids.subscription}`,
      }),
    ]
  },
}

/** Who administers the cluster is decided by a group alone: an owner of the subscription may not. */
export const administration: Check = {
  what: "membership in the administrators' groups",
  look: async (context) => {
    const { adminGroupObjectIds: groups } = context.environment.config
    const operator = await readOperator(context)
    const memberships = await Promise.all(groups.map((group) => isMember(context, group, operator.objectId)))
    if (memberships.includes(true)) return []
    const [first = '<group>'] = groups
    return [
      new Problem({
        what: `${operator.name} in the cluster`,
        why: `is in none of the groups that administer it (adminGroupObjectIds: ${groups.join(', ') || 'none'})`,
        mend: `az ad group member add --group ${first} --member-id ${operator.objectId}, then az logout and az login`,
      }),
    ]
  },
}

async function isMember(context: AzureContext, group: string, member: string): Promise<boolean> {
  const call = azDirectory('ad group member check', { group, 'member-id': member })
  return (await askJson<{ value: boolean }>(context.run, call)).value
}

/**
 * Whether any of these permissions allows an action. Each is one role's; what a role leaves out, another may have.
 * https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions-format
 */
export function allows(permissions: readonly Permission[], action: string): boolean {
  const names = (patterns: readonly string[]): boolean => patterns.some((pattern) => matches(pattern, action))
  return permissions.some(({ actions, notActions }) => names(actions) && !names(notActions))
}

function matches(pattern: string, action: string): boolean {
  const parts = pattern.split('*').map((part) => RegExp.escape(part))
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(action)
}
