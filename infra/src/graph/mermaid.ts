import { roles } from '../roles.ts'
import { stackNames } from '../synth.ts'
import type { Resource, Synthesized } from '../synthesized.ts'

interface Edge {
  readonly from: string
  readonly to: string
  readonly label?: string
  readonly isDotted?: boolean
}

/** Types that are no thing of their own but a relation of two: attribute of the one, of the other, and what it is. */
const relations: Readonly<Record<string, { readonly from: string; readonly to: string; readonly label: string }>> = {
  azurerm_subnet_network_security_group_association: {
    from: 'network_security_group_id',
    to: 'subnet_id',
    label: 'guards',
  },
  azurerm_subnet_nat_gateway_association: { from: 'subnet_id', to: 'nat_gateway_id', label: 'goes out by' },
  azurerm_nat_gateway_public_ip_association: { from: 'nat_gateway_id', to: 'public_ip_address_id', label: 'as' },
  azurerm_monitor_diagnostic_setting: {
    from: 'target_resource_id',
    to: 'log_analytics_workspace_id',
    label: 'own logs',
  },
  azurerm_monitor_data_collection_rule_association: {
    from: 'target_resource_id',
    to: 'data_collection_rule_id',
    label: 'collected by',
  },
  azurerm_eventgrid_system_topic_event_subscription: {
    from: 'system_topic',
    to: 'storage_queue_endpoint',
    label: 'pushes',
  },
}

const notDrawn = new Set([
  'azurerm_role_assignment',
  'azurerm_federated_identity_credential',
  'azurerm_role_definition',
  'azurerm_management_lock',
  'azurerm_kubernetes_cluster_deployment_safeguard',
  ...Object.keys(relations),
])

/** Draws things as boxes by stack, and roles, federations and relations as arrows. */
export function drawMermaid(synthesized: Synthesized): string {
  const drawn = synthesized.resources.filter(({ type }) => !notDrawn.has(type))
  const federations = synthesized.ofType('azurerm_federated_identity_credential')
  const outsiders = federations.filter(({ stack }) => stack !== 'cluster').map((it) => String(it.attributes['subject']))
  const locked = new Set(
    synthesized.ofType('azurerm_management_lock').flatMap((lock) => addresses(synthesized, lock, 'scope')),
  )
  const lines = ['flowchart LR']
  for (const subject of outsiders) lines.push(`  ${idOf(subject)}(["GitHub<br/>${subject.split(':').at(-1)}"])`)
  for (const stack of stackNames) {
    lines.push(`  subgraph ${stack}`)
    for (const resource of drawn.filter((it) => it.stack === stack)) {
      lines.push(`    ${idOf(resource.address)}["${label(resource)}${locked.has(resource.address) ? ' 🔒' : ''}"]`)
    }
    lines.push('  end')
  }
  const edges = [
    ...federations.flatMap((it) => federation(synthesized, it)),
    ...synthesized.ofType('azurerm_role_assignment').flatMap((it) => assignment(synthesized, it)),
    ...synthesized.resources.flatMap((it) => relation(synthesized, it)),
    ...drawn.flatMap((it) => plainReferences(synthesized, it)),
  ]
  return [...lines, ...new Set(edges.map(printEdge))].join('\n')
}

function federation(synthesized: Synthesized, credential: Resource): Edge[] {
  // The cluster's credential is for an account within the cluster: it is drawn from there.
  const [issuer] = addresses(synthesized, credential, 'issuer')
  const subject = String(credential.attributes['subject'])
  return addresses(synthesized, credential, 'user_assigned_identity_id').map((to) =>
    issuer === undefined
      ? { from: subject, to, isDotted: true, label: 'acts as' }
      : { from: issuer, to, isDotted: true, label: `account ${subject.split(':').slice(2).join('/')}` },
  )
}

function assignment(synthesized: Synthesized, { stack, attributes }: Resource): Edge[] {
  const [principal] = synthesized.referredBy(stack, attributes['principal_id'])
  const [target] = synthesized.referredBy(stack, attributes['scope'])
  // Groups of people come from the configuration: no resource stands for them.
  if (!principal || !target) return []
  const [own] = synthesized.referredBy(stack, attributes['role_definition_id'])
  const id = String(attributes['role_definition_id']).split('/').at(-1)
  const builtIn = Object.entries(roles).find(([, roleId]) => roleId === id)?.[0]
  return [{ from: principal.address, to: target.address, label: builtIn ?? String(own?.attributes['name']) }]
}

function relation(synthesized: Synthesized, resource: Resource): Edge[] {
  const known = relations[resource.type]
  if (!known) return []
  const [from] = addresses(synthesized, resource, known.from)
  const [to] = addresses(synthesized, resource, known.to)
  return from !== undefined && to !== undefined ? [{ from, to, label: known.label }] : []
}

function plainReferences(synthesized: Synthesized, { stack, address, attributes }: Resource): Edge[] {
  return synthesized
    .referredBy(stack, { ...attributes, depends_on: undefined })
    .filter(({ type, address: to }) => type !== 'azurerm_resource_group' && !notDrawn.has(type) && to !== address)
    .map(({ address: to }) => ({ from: address, to }))
}

function addresses(synthesized: Synthesized, { stack, attributes }: Resource, attribute: string): readonly string[] {
  return synthesized.referredBy(stack, attributes[attribute]).map(({ address }) => address)
}

function label({ type, name, attributes }: Resource): string {
  const title = attributes['name']
  const kind = type.replace('azurerm_', '').replaceAll('_', ' ')
  return `${kind}<br/>${typeof title === 'string' && !title.includes('${') ? title : name}`
}

function printEdge({ from, to, label, isDotted = false }: Edge): string {
  const arrow = isDotted ? '-.->' : '-->'
  return `  ${idOf(from)} ${arrow}${label === undefined ? '' : `|${label}|`} ${idOf(to)}`
}

function idOf(text: string): string {
  return text.replace('azurerm_', '').replaceAll(/\W/g, '_')
}
