import type { Environment } from './settings.ts'

/** Every name that we choose. Names of identities are `id-…-<purpose>`. */
export interface Names {
  readonly stateGroup: string
  readonly platformGroup: string
  readonly clusterGroup: string
  /** Made by AKS, for what it makes itself. */
  readonly nodeGroup: string
  readonly network: string
  readonly nodeSubnet: string
  readonly apiServerSubnet: string
  readonly securityGroup: string
  readonly natGateway: string
  readonly egressIp: string
  readonly registry: string
  readonly cluster: string
  readonly workspace: string
  readonly metrics: string
  readonly events: string
  readonly eventStorage: string
  readonly eventQueue: string
  readonly identity: (purpose: string) => string
}

export function nameAll({ workload, environment, nameSuffix }: Environment): Names {
  const base = `${workload}-${environment}`
  const packed = `${workload}${environment}`.replaceAll('-', '')
  return {
    stateGroup: `rg-${base}-state`,
    platformGroup: `rg-${base}-platform`,
    clusterGroup: `rg-${base}-cluster`,
    nodeGroup: `rg-${base}-nodes`,
    network: `vnet-${base}`,
    nodeSubnet: 'snet-nodes',
    apiServerSubnet: 'snet-api-server',
    securityGroup: `nsg-${base}-nodes`,
    natGateway: `ng-${base}`,
    egressIp: `pip-${base}-egress`,
    registry: `cr${packed}${nameSuffix}`,
    cluster: `aks-${base}`,
    workspace: `log-${base}`,
    metrics: `amw-${base}`,
    events: `evgt-${base}`,
    eventStorage: `st${packed}${nameSuffix}`,
    eventQueue: 'image-pushed',
    identity: (purpose) => `id-${base}-${purpose}`,
  }
}

interface NameRule {
  readonly pattern: RegExp
  /** Ends the sentence "must have …". */
  readonly text: string
}

const limits = (text: string, pattern: RegExp): NameRule => ({ text, pattern })

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const rules = {
  environment: limits(
    '2 to 12 lower-case letters, digits and single hyphens, a letter first',
    /^(?=.{2,12}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/,
  ),
  registry: limits('5 to 50 lower-case letters and digits', /^[a-z0-9]{5,50}$/),
  storageAccount: limits('3 to 24 lower-case letters and digits', /^[a-z0-9]{3,24}$/),
  container: limits(
    '3 to 63 lower-case letters, digits and single hyphens, a letter or digit at both ends',
    /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/,
  ),
  cluster: limits(
    '1 to 63 letters, digits, hyphens and underscores, a letter or digit at both ends',
    /^[A-Za-z0-9]([\w-]{0,61}[A-Za-z0-9])?$/,
  ),
  nodeGroup: limits('at most 80 characters, the limit of AKS for its own group', /^[\w().-]{1,80}$/),
  workspace: limits(
    '4 to 63 letters, digits and hyphens, a letter or digit at both ends',
    /^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$/,
  ),
  eventTopic: limits('3 to 50 letters, digits and hyphens', /^[A-Za-z0-9-]{3,50}$/),
  // https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name
  notReserved: limits(
    "no word that Azure keeps for itself: 'microsoft' or 'windows' anywhere, 'login' in front",
    /^(?!login)(?!.*(microsoft|windows))/,
  ),
  repository: limits(
    'lower-case parts of letters, digits, dots, underscores and hyphens, divided by slashes',
    /^(?=.{1,256}$)[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)*$/,
  ),
} satisfies Record<string, NameRule>

/** One sentence for each name that Azure would refuse. */
export function nameProblems(environment: Environment): readonly string[] {
  const names = nameAll(environment)
  const { delivered, platform } = environment.repositories
  return [
    breach('environment', environment.environment, rules.environment),
    breach('workload', environment.workload, rules.environment),
    breach('the name of the registry', names.registry, rules.registry),
    breach('the name of the storage account of events', names.eventStorage, rules.storageAccount),
    breach('state.storageAccountName', environment.state.storageAccountName, rules.storageAccount),
    breach('state.containerName', environment.state.containerName, rules.container),
    breach('the name of the registry', names.registry, rules.notReserved),
    breach('state.storageAccountName', environment.state.storageAccountName, rules.notReserved),
    breach('the name of the cluster', names.cluster, rules.cluster),
    breach("the name of the nodes' resource group", names.nodeGroup, rules.nodeGroup),
    breach('the name of the workspace', names.workspace, rules.workspace),
    breach('the name of the Event Grid topic', names.events, rules.eventTopic),
    ...[...delivered, ...platform].map((name) => breach('repositories', name, rules.repository)),
  ].filter((problem) => problem !== undefined)
}

function breach(what: string, name: string, { pattern, text }: NameRule): string | undefined {
  return pattern.test(name) ? undefined : `${what}: '${name}' must have ${text}`
}
