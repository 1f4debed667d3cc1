import type { Config } from './config.ts'
import { RoleAssignment, type Construct } from './tf.ts'

/** https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
export const roles = {
  AcrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d',
  AcrPush: '8311e382-0749-4cb8-b61a-304f252e45ec',
  AcrDelete: 'c2f4ef07-c644-48eb-af81-4b1b4947fb11',
  'Azure Kubernetes Service Cluster User Role': '4abbcc35-e782-43d8-92c5-2d3f1bd2253f',
  'Container Registry Repository Contributor': '2efddaa5-3f1f-4df3-97df-af3f13818f4c',
  'Container Registry Repository Reader': 'b93aa761-3e63-49ed-ac28-beffa264f7ac',
  'Container Registry Repository Writer': '2a1e307c-b015-4ebd-883e-5b7698a07328',
  Contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
  'Managed Identity Operator': 'f1a07417-d97a-45cb-824c-7a7467783830',
  'Network Contributor': '4d97b98b-1d4f-4787-a291-c67834d212e7',
  Reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
  'Role Based Access Control Administrator': 'f58310d9-a9f6-439a-9e8d-f62e7b41a168',
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
  'Storage Blob Data Reader': '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
  'Storage Queue Data Message Processor': '8a0f0c08-91a1-4084-bc3d-661d67233fed',
  'Storage Queue Data Message Sender': 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a',
} as const

export type RoleName = keyof typeof roles

/** The path under which azurerm stores a built-in role; another spelling of it would be a change in every plan. */
export function roleDefinitionId({ subscriptionId }: Config, role: RoleName): string {
  return `/subscriptions/${subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${roles[role]}`
}

export interface Grant {
  /** The object ID of a managed identity. */
  readonly principalId: string
  /** A built-in role, or the full ID of our own. */
  readonly role: RoleName | { readonly id: string }
  /** The ID of the resource that it is for. */
  readonly on: string
  readonly condition?: string
  /** Why, in a sentence that the portal shows. */
  readonly description: string
}

export function grant(scope: Construct, id: string, config: Config, wanted: Grant): RoleAssignment {
  const { role, condition } = wanted
  return new RoleAssignment(scope, id, {
    principalId: wanted.principalId,
    principalType: 'ServicePrincipal',
    // The identity is seconds old, and the directory may not know it everywhere yet.
    skipServicePrincipalAadCheck: true,
    roleDefinitionId: typeof role === 'string' ? roleDefinitionId(config, role) : role.id,
    scope: wanted.on,
    description: wanted.description,
    ...(condition !== undefined && { condition, conditionVersion: '2.0' }),
  })
}
