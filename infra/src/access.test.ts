// Who may do what, as a table of its own: an identity or a role that is in the stacks and not in here is one too many.
import t from 'tap'
import { repositoriesCondition } from './registry-access.ts'
import { roles } from './roles.ts'
import type { Profile } from './settings.ts'
import type { Resource, Synthesized } from './synthesized.ts'
import { synthesizeExample } from './testing.ts'

interface Right {
  readonly role: string
  /** The address of the one resource that it is on. */
  readonly on: string
  /** The repositories that it is for. */
  readonly repositories?: readonly string[]
}

const registry = 'platform/azurerm_container_registry.registry-acr'
const queue = 'platform/azurerm_storage_queue.events-queue'
const container = 'base/azurerm_storage_container.state-container'
const platformGroup = 'base/azurerm_resource_group.platform-group'
const clusterGroup = 'base/azurerm_resource_group.cluster-group'
const onBothGroups = (role: string): Right[] => [
  { role, on: clusterGroup },
  { role, on: platformGroup },
]

const all = ['predictor', 'windlass']
const stacks = {
  abac: synthesizeExample('prod'),
  acrPull: synthesizeExample('prod', { registry: { roles: 'acrPull', untaggedRetentionDays: null } }),
  dev: synthesizeExample('dev'),
} as const
type Mode = keyof typeof stacks
const modes = Object.keys(stacks) as readonly Mode[]
type Table = Readonly<Record<string, readonly Right[]>>

const independentOfMode = (profile: Profile): Table => ({
  'control-plane': [
    { role: 'Managed Identity Operator', on: 'platform/azurerm_user_assigned_identity.readers-kubelet' },
    { role: 'Network Contributor', on: 'platform/azurerm_subnet.network-nodes' },
  ],
  'event-topic': [{ role: 'Storage Queue Data Message Sender', on: queue }],
  'iac-plan': [
    ...onBothGroups('Reader'),
    ...onBothGroups(`windlass ${profile}: refreshes`),
    { role: 'Storage Blob Data Reader', on: container },
  ],
  'iac-apply': [
    ...onBothGroups('Contributor'),
    ...onBothGroups('Role Based Access Control Administrator'),
    ...onBothGroups(`windlass ${profile}: keeps locks`),
    { role: 'Storage Blob Data Contributor', on: container },
  ],
})

const onSingleRepositories: Table = {
  kubelet: [{ role: 'Container Registry Repository Reader', on: registry, repositories: all }],
  reconciler: [
    { role: 'Container Registry Repository Reader', on: registry, repositories: ['predictor'] },
    { role: 'Storage Queue Data Message Processor', on: queue },
  ],
  'ci-push': [{ role: 'Container Registry Repository Writer', on: registry, repositories: all }],
  'ci-retention': [{ role: 'Container Registry Repository Contributor', on: registry, repositories: all }],
}

const tables: Readonly<Record<Mode, Table>> = {
  abac: { ...independentOfMode('prod'), ...onSingleRepositories },
  dev: { ...independentOfMode('dev'), ...onSingleRepositories },
  // A registry of the older mode knows no repositories, and none of its roles locks a tag.
  acrPull: {
    ...independentOfMode('prod'),
    kubelet: [{ role: 'AcrPull', on: registry }],
    reconciler: [
      { role: 'AcrPull', on: registry },
      { role: 'Storage Queue Data Message Processor', on: queue },
    ],
    'ci-push': [
      { role: 'AcrPull', on: registry },
      { role: 'AcrPush', on: registry },
    ],
    'ci-retention': [
      { role: 'AcrDelete', on: registry },
      { role: 'AcrPull', on: registry },
    ],
  },
}

for (const mode of modes) {
  t.test(`with ${mode} each identity has exactly the rights of its table`, async (t) => {
    const found = stacks[mode]
    const identities = found.ofType('azurerm_user_assigned_identity').map(purposeOf)
    t.strictSame(identities.toSorted(), Object.keys(tables[mode]).toSorted(), 'the identities are those of the table')
    for (const [identity, rights] of Object.entries(tables[mode])) {
      t.strictSame(rightsOf(found, identity), rights.map(printRight).toSorted(), identity)
    }
  })
}

t.test('each identity is federated to its one subject, or to none', async (t) => {
  const github = (name: string) =>
    `https://token.actions.githubusercontent.com repo:contoso/windlass:environment:${name}`
  for (const [mode, profile] of [
    ['abac', 'prod'],
    ['dev', 'dev'],
  ] as const) {
    const found = stacks[mode]
    const federations = found.ofType('azurerm_federated_identity_credential').map(({ stack, attributes }) => {
      const [identity] = found.referredBy(stack, attributes['user_assigned_identity_id'])
      t.strictSame(attributes['audience'], ['api://AzureADTokenExchange'])
      return `${identity && purposeOf(identity)}: ${String(attributes['issuer'])} ${String(attributes['subject'])}`
    })
    const cluster = '${azurerm_kubernetes_cluster.aks-cluster.oidc_issuer_url}'
    t.strictSame(federations.toSorted(), [
      `ci-push: ${github(`${profile}-release`)}`,
      `ci-retention: ${github(`${profile}-retention`)}`,
      `iac-apply: ${github(`${profile}-apply`)}`,
      `iac-plan: ${github(`${profile}-plan`)}`,
      `reconciler: ${cluster} system:serviceaccount:windlass-system:windlass`,
    ])
  }
})

const accessOfRole = {
  'Container Registry Repository Reader': 'read',
  'Container Registry Repository Writer': 'write',
  'Container Registry Repository Contributor': 'delete',
} as const

t.test(
  'a role for single repositories has the condition of all of its actions, and no other role has one',
  async (t) => {
    for (const mode of modes) {
      for (const { stack, attributes, address } of stacks[mode].ofType('azurerm_role_assignment')) {
        const role = roleOf(stacks[mode], { stack, attributes })
        if (role === 'Role Based Access Control Administrator' || role === 'Storage Blob Data Contributor') continue
        if (!(role in accessOfRole)) {
          t.notOk('condition' in attributes, address)
          continue
        }
        const names = namesIn(attributes['condition'])
        t.ok(names.length > 0, address)
        const wanted = repositoriesCondition(accessOfRole[role as keyof typeof accessOfRole], names)
        t.match(attributes, { condition: wanted, condition_version: '2.0' }, address)
      }
    }
  },
)

t.test('every assignment is for one of our identities, or lets a group of people fetch a kubeconfig', async (t) => {
  const found = stacks.abac
  for (const { stack, attributes, address } of found.ofType('azurerm_role_assignment')) {
    const principals = found.referredBy(stack, attributes['principal_id'])
    if (attributes['principal_type'] === 'Group') {
      t.equal(roleOf(found, { stack, attributes }), 'Azure Kubernetes Service Cluster User Role', address)
    } else {
      t.strictSame(
        principals.map(({ type }) => type),
        ['azurerm_user_assigned_identity'],
        address,
      )
    }
  }
})

t.test('a role of our own has exactly what it is for', async (t) => {
  const permissions = stacks.abac
    .ofType('azurerm_role_definition')
    .map(({ attributes }) => [attributes['name'], attributes['permissions']])
  t.strictSame(Object.fromEntries(permissions), {
    'windlass prod: refreshes': [
      {
        actions: [
          'Microsoft.ContainerService/managedClusters/listClusterUserCredential/action',
          'Microsoft.EventGrid/systemTopics/eventSubscriptions/getFullUrl/action',
        ],
      },
    ],
    'windlass prod: keeps locks': [{ actions: ['Microsoft.Authorization/locks/*'] }],
  })
})

t.test('no identity of CI has a role on the cluster, nor on what it lies in', async (t) => {
  const found = stacks.abac
  const releasers = found.ofType('azurerm_user_assigned_identity').filter((it) => purposeOf(it).startsWith('ci-'))
  t.equal(releasers.length, 2)
  const ofReleasers = found
    .ofType('azurerm_role_assignment')
    .filter(({ stack, attributes }) =>
      found
        .referredBy(stack, attributes['principal_id'])
        .some(({ address }) => releasers.some((it) => it.address === address)),
    )
  t.equal(ofReleasers.length, 2)
  for (const { stack, attributes } of ofReleasers) {
    t.equal(
      attributes['scope'],
      '${azurerm_container_registry.registry-acr.id}',
      'on the registry and nothing beside it',
    )
    t.strictSame(
      found.referredBy(stack, attributes['scope']).map(({ address }) => address),
      [registry],
    )
  }
  const clusterJson = JSON.stringify(found.stacks.cluster)
  for (const { name } of releasers) t.notMatch(clusterJson, name, "the cluster's stack does not know them")
})

t.test("no assignment's scope is a subscription or a management group", async (t) => {
  for (const mode of modes) {
    const found = stacks[mode]
    for (const { stack, attributes, address } of found.ofType('azurerm_role_assignment')) {
      t.equal(found.referredBy(stack, attributes['scope']).length, 1, address)
      t.match(attributes['scope'], /^\$\{[^}]+\}$/, `${address} is on a resource of ours, by its ID alone`)
    }
  }
})

t.test('who applies may give and take the roles of the stacks, and no other', async (t) => {
  const given = new Set(
    modes.flatMap((mode) =>
      stacks[mode]
        .ofType('azurerm_role_assignment')
        .filter(({ stack }) => stack !== 'base')
        .map(({ attributes }) => String(attributes['role_definition_id']).split('/').at(-1) ?? ''),
    ),
  )
  const found = stacks.abac
  const conditions = found
    .ofType('azurerm_role_assignment')
    .filter((it) => roleOf(found, it) === 'Role Based Access Control Administrator')
    .map(({ attributes }) => String(attributes['condition']))
  t.equal(conditions.length, 2)
  const limit = (verb: string, attribute: string, ids: string) =>
    `(!(ActionMatches{'Microsoft.Authorization/roleAssignments/${verb}'}) OR ` +
    `(@${attribute}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${ids}}))`
  for (const condition of conditions) {
    const ids = /GuidEquals \{([^}]*)\}/.exec(condition)?.[1] ?? ''
    t.equal(condition, `${limit('write', 'Request', ids)} AND ${limit('delete', 'Resource', ids)}`)
    t.strictSame(ids.split(', ').toSorted(), [...given].toSorted())
  }
})

t.test('who applies writes the state of what the pipeline applies, and that of the stack base never', async (t) => {
  for (const mode of modes) {
    const found = stacks[mode]
    const keyOf = (stack: 'base' | 'platform' | 'cluster') =>
      (found.stacks[stack].terraform['backend'] as { azurerm: { key: string } }).azurerm.key
    const [assignment, another] = found
      .ofType('azurerm_role_assignment')
      .filter((it) => roleOf(found, it) === 'Storage Blob Data Contributor')
    t.equal(another, undefined)
    const blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'
    const writes = ['write', 'add/action', 'delete', 'move/action']
    const isPath = (stack: 'platform' | 'cluster') => `@Resource[${blobs}:path] StringEquals '${keyOf(stack)}'`
    t.match(assignment?.attributes, {
      condition:
        `((${writes.map((verb) => `!(ActionMatches{'${blobs}/${verb}'})`).join(' AND ')}) OR ` +
        `(${isPath('platform')} OR ${isPath('cluster')}))`,
      condition_version: '2.0',
    })
    t.notMatch(assignment?.attributes['condition'], keyOf('base'))
  }
})

t.test('the condition of a role names each of its actions, and compares whole names', async (t) => {
  t.equal(
    repositoriesCondition('read', ['predictor']),
    "((!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'})" +
      " AND !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/metadata/read'}))" +
      " OR (@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEqualsIgnoreCase 'predictor'))",
  )
  const actions = (access: 'read' | 'write' | 'delete') =>
    repositoriesCondition(access, all).match(/ActionMatches/g)?.length
  t.strictSame([actions('read'), actions('write'), actions('delete')], [2, 4, 6])
})

function purposeOf({ attributes }: Pick<Resource, 'attributes'>): string {
  return String(attributes['name']).replace(/^id-windlass-(prod|dev)-/, '')
}

/** The repositories that a condition names. */
function namesIn(condition: unknown): readonly string[] {
  return [...String(condition).matchAll(/StringEqualsIgnoreCase '([^']+)'/g)].map(([, name = '']) => name)
}

function rightsOf(found: Synthesized, identity: string): string[] {
  return found
    .ofType('azurerm_role_assignment')
    .filter(({ stack, attributes }) =>
      found.referredBy(stack, attributes['principal_id']).some((it) => purposeOf(it) === identity),
    )
    .map(({ stack, attributes }) => {
      const [on] = found.referredBy(stack, attributes['scope'])
      const names = namesIn(attributes['condition'])
      const right = { role: roleOf(found, { stack, attributes }), on: on?.address ?? '' }
      return printRight(names.length > 0 ? { ...right, repositories: names } : right)
    })
    .toSorted()
}

function roleOf(found: Synthesized, { stack, attributes }: Pick<Resource, 'stack' | 'attributes'>): string {
  const [own] = found.referredBy(stack, attributes['role_definition_id'])
  if (own) return String(own.attributes['name'])
  const id = String(attributes['role_definition_id']).split('/').at(-1)
  return Object.entries(roles).find(([, known]) => known === id)?.[0] ?? `unknown ${id}`
}

function printRight({ role, on, repositories }: Right): string {
  return `${role} on ${on}${repositories ? ` for ${repositories.join(', ')}` : ''}`
}
