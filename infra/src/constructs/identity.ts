import type { Config } from '../config.ts'
import { nameAll } from '../naming.ts'
import { nameIdentityOfCredential } from '../overrides.ts'
import { registryGrants, type RegistryAccess } from '../registry-access.ts'
import { grant } from '../roles.ts'
import { tagsOf } from '../stack.ts'
import { FederatedIdentityCredential, UserAssignedIdentity, type Construct, type RoleAssignment } from '../tf.ts'

/** An identity for one purpose; its construct is named by that purpose. */
export function createIdentity(
  scope: Construct,
  purpose: string,
  config: Config,
  resourceGroupName: string,
): UserAssignedIdentity {
  return new UserAssignedIdentity(scope, purpose, {
    name: nameAll(config).identity(purpose),
    location: config.location,
    resourceGroupName,
    tags: tagsOf(config),
  })
}

export interface Federation {
  /** Who signs the tokens. */
  readonly issuer: string
  /** Whom they are for, as a whole: Entra ID compares, it does not match. */
  readonly subject: string
}

/** Lets the holder of another issuer's token act as the identity, without a secret. */
export function federate(
  scope: Construct,
  id: string,
  identity: UserAssignedIdentity,
  { issuer, subject }: Federation,
): void {
  const credential = new FederatedIdentityCredential(scope, id, {
    name: id,
    issuer,
    subject,
    audience: ['api://AzureADTokenExchange'],
    parentId: identity.id,
    resourceGroupName: identity.resourceGroupName,
  })
  nameIdentityOfCredential(credential, identity.id)
}

export interface RegistryRights {
  readonly registryId: string
  readonly access: RegistryAccess
  readonly repositories: readonly string[]
  readonly description: string
}

/** Gives an identity rights on some repositories; assignments are named by identity and role. */
export function grantRegistry(
  scope: Construct,
  id: string,
  config: Config,
  identity: { readonly principalId: string },
  { registryId, access, repositories, description }: RegistryRights,
): readonly RoleAssignment[] {
  return registryGrants(config, access, repositories).map(({ key, role, condition }) =>
    grant(scope, `${id}-${key}`, config, {
      principalId: identity.principalId,
      role,
      on: registryId,
      description,
      ...(condition !== undefined && { condition }),
    }),
  )
}
