import type { Config } from './config.ts'
import type { RoleName } from './roles.ts'

/** What somebody may do in a registry. Writing includes locking a tag, but not in a registry of the older mode. */
export type RegistryAccess = 'read' | 'write' | 'delete'

export interface RegistryGrant {
  /** Stands for the role in the address of its assignment. */
  readonly key: string
  readonly role: RoleName
  readonly condition?: string
}

const verbs = { read: ['read'], write: ['read', 'write'], delete: ['read', 'write', 'delete'] } as const

const roleOfAccess = {
  read: 'Container Registry Repository Reader',
  write: 'Container Registry Repository Writer',
  delete: 'Container Registry Repository Contributor',
} as const

const legacyRolesOfAccess = {
  read: ['AcrPull'],
  write: ['AcrPull', 'AcrPush'],
  delete: ['AcrPull', 'AcrDelete'],
} as const

/**
 * The roles for an access to some repositories. A registry of the older mode knows no repositories: there the roles are
 * for all of it, and none of them may lock a tag.
 */
export function registryGrants(
  { settings }: Config,
  access: RegistryAccess,
  repositories: readonly string[],
): readonly RegistryGrant[] {
  if (settings.registry.roles === 'acrPull') {
    return legacyRolesOfAccess[access].map((role) => ({ key: role.toLowerCase(), role }))
  }
  return [{ key: access, role: roleOfAccess[access], condition: repositoriesCondition(access, repositories) }]
}

/**
 * Allows the actions of an access where the request is for one of the repositories, and whatever else the role has.
 * https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions
 */
export function repositoriesCondition(access: RegistryAccess, repositories: readonly string[]): string {
  const actions = ['content', 'metadata'].flatMap((part) =>
    verbs[access].map((verb) => `Microsoft.ContainerRegistry/registries/repositories/${part}/${verb}`),
  )
  const isAnotherAction = actions.map((action) => `!(ActionMatches{'${action}'})`).join(' AND ')
  const isOurs = repositories
    .map(
      (name) => `@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEqualsIgnoreCase '${name}'`,
    )
    .join(' OR ')
  return `((${isAnotherAction}) OR (${isOurs}))`
}
