import type { Config } from '../config.ts'
import { ManagementLock, type Construct, type RoleAssignment } from '../tf.ts'

export interface LockOptions {
  /** ID of what is not to be deleted. */
  readonly on: string
  readonly notes: string
  /** All roles that are given on it, or on a part of it. */
  readonly grants: readonly RoleAssignment[]
}

/**
 * Keeps something from being deleted, where the profile says so, once all rights on it are given. A lock holds the roles
 * on a resource too, and azurerm 4 changes the condition of a role by making it anew: so the lock is lifted for that, and
 * set again. https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
 */
export function keepFromDeletion(
  parent: Construct,
  id: string,
  { settings }: Config,
  { on, notes, grants }: LockOptions,
): void {
  if (!settings.protection.deleteLocks) return
  new ManagementLock(parent, id, {
    name: 'keep',
    scope: on,
    lockLevel: 'CanNotDelete',
    notes,
    dependsOn: [...grants],
    // By name: cdktf writes what is not a string as ${…}, which Terraform does not take here.
    lifecycle: {
      replaceTriggeredBy: grants.map(
        ({ terraformResourceType, friendlyUniqueId }) => `${terraformResourceType}.${friendlyUniqueId}`,
      ),
    },
  })
}
