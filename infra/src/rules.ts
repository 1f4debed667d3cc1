import type { Config } from './config.ts'
import { nameProblems } from './naming.ts'
import { networkProblems } from './network-rules.ts'
import { registryGrants } from './registry-access.ts'
import type { Environment, MaintenanceWindow, NodePool, Settings } from './settings.ts'
import { parseSubject } from './subject.ts'

/** The least that AKS takes: https://learn.microsoft.com/azure/aks/planned-maintenance */
const leastMaintenanceHours = 4
/** https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits#azure-rbac-limits */
const longestCondition = 8192
const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** In either case, as Azure itself writes it: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const actionGroup =
  /^\/subscriptions\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/resourceGroups\/[\p{L}\p{N}_.()-]+\/providers\/Microsoft\.Insights\/actionGroups\/[^/:<>+&%\\?]*[^/:<>+&%\\?\s.]$/iu
/** A `d` among the letters behind the number of processors: a VM size with a local disk. */
const vmSizeWithLocalDisk = /^Standard_[A-Z]+\d+(-\d+)?[a-z]*d[a-z]*(_[A-Z0-9]+)*_v\d+$/

/** Every combination that Azure would refuse, or take and not do what was meant: one sentence each. */
export function ruleProblems(config: Config): readonly string[] {
  const { settings, ...environment } = config
  return [
    ...nameProblems(environment),
    ...guidProblems(environment),
    ...subjectProblems(environment.github),
    ...repositoryProblems(environment.repositories),
    ...conditionProblems(config),
    ...networkProblems(settings),
    ...registryProblems(settings),
    ...clusterProblems(settings.cluster),
    ...monitoringProblems(settings.monitoring),
  ]
}

function guidProblems({ subscriptionId, tenantId, adminGroupObjectIds }: Environment): string[] {
  const ids: readonly (readonly [string, string])[] = [
    ['subscriptionId', subscriptionId],
    ['tenantId', tenantId],
    ...adminGroupObjectIds.map((id) => ['adminGroupObjectIds', id] as const),
  ]
  const found = ids.flatMap(([key, id]) => (guid.test(id) ? [] : [`${key}: '${id}' is not a lower-case GUID`]))
  if (adminGroupObjectIds.length === 0) {
    found.push('adminGroupObjectIds must name a group: without local accounts nobody else could administer the cluster')
  }
  return found
}

function subjectProblems(github: Environment['github']): string[] {
  const subjects = [
    ['releaseSubject', github.releaseSubject],
    ['retentionSubject', github.retentionSubject],
    ['planSubject', github.planSubject],
    ['applySubject', github.applySubject],
  ] as const
  const found: string[] = []
  for (const [key, subject] of subjects) {
    if (!subject.startsWith('repo:')) found.push(`github.${key}: '${subject}' must begin with repo:`)
    if (subject.includes('*')) found.push(`github.${key}: '${subject}' has a wildcard; a credential is for one subject`)
    if (!/:environment:[^:]+$/.test(subject)) {
      found.push(`github.${key}: '${subject}' must end with an environment, whose rules guard it`)
    } else if (parseSubject(subject) === undefined) {
      found.push(
        `github.${key}: '${subject}' is not 'repo:OWNER/REPOSITORY:environment:NAME', as GitHub's tokens have it`,
      )
    }
    const twin = subjects.find(([other, text]) => other !== key && text === subject)
    if (twin && twin[0] < key) {
      found.push(`github.${key} and github.${twin[0]} are the same subject; each identity needs its own`)
    }
  }
  return found
}

function repositoryProblems({ delivered, platform }: Environment['repositories']): string[] {
  const all = [...delivered, ...platform]
  const twice = all.filter((name, index) => all.indexOf(name) !== index)
  return twice.map((name) => `repositories: '${name}' is named twice`)
}

/** Every repository is a part of a role's condition, and deleting has the longest of them. */
function conditionProblems(config: Config): string[] {
  const { delivered, platform } = config.repositories
  const all = [...delivered, ...platform]
  const lengths = registryGrants(config, 'delete', all).map(({ condition }) => condition?.length ?? 0)
  if (Math.max(...lengths) <= longestCondition) return []
  return [
    `repositories: ${all.length} are too many for one condition of a role, which may have ${longestCondition} characters`,
  ]
}

function registryProblems({ registry, network }: Settings): string[] {
  const found: string[] = []
  const isPremium = registry.sku === 'Premium'
  const premiumOnly = [
    ['registry.untaggedRetentionDays', registry.untaggedRetentionDays !== null],
    ['registry.dataEndpoint', registry.dataEndpoint],
    ['registry.allowedIpRanges', registry.allowedIpRanges.length > 0],
  ] as const
  for (const [key, isSet] of premiumOnly) {
    if (isSet && !isPremium) found.push(`${key} needs registry.sku Premium, which is ${registry.sku}`)
  }
  if (registry.roles === 'acrPull' && registry.untaggedRetentionDays !== null) {
    found.push(
      'registry.untaggedRetentionDays must be null where registry.roles is acrPull: nothing is locked there, ' +
        'so bundles of releases would go with what has no tag',
    )
  }
  if (registry.allowedIpRanges.length > 0 && network.outbound !== 'natGateway') {
    found.push(
      "registry.allowedIpRanges needs network.outbound natGateway: without a fixed address the cluster's pulls would be denied",
    )
  }
  return found
}

function clusterProblems(cluster: Settings['cluster']): string[] {
  const found = [
    ...poolProblems('cluster.systemPool', cluster.systemPool, cluster.zones.length),
    ...(cluster.userPool ? poolProblems('cluster.userPool', cluster.userPool, cluster.zones.length) : []),
    ...windowProblems('cluster.autoUpgrade', cluster.autoUpgrade),
    ...windowProblems('cluster.nodeOsUpgrade', cluster.nodeOsUpgrade),
  ]
  if (cluster.costAnalysis && cluster.skuTier === 'Free') {
    found.push('cluster.costAnalysis needs cluster.skuTier Standard or Premium, which is Free')
  }
  return found
}

function monitoringProblems({ actionGroupId, managedPrometheus }: Settings['monitoring']): string[] {
  if (actionGroupId === null) return []
  const found: string[] = []
  if (!actionGroup.test(actionGroupId)) {
    found.push(
      `monitoring.actionGroupId: '${actionGroupId}' is not the resource ID of an action group, ` +
        '/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.Insights/actionGroups/NAME',
    )
  }
  if (!managedPrometheus) {
    found.push(
      "monitoring.actionGroupId needs monitoring.managedPrometheus: the cluster's own Prometheus tells by e-mail",
    )
  }
  return found
}

function poolProblems(key: string, { vmSize, minCount, maxCount }: NodePool, zones: number): string[] {
  const found: string[] = []
  if (minCount > maxCount) found.push(`${key}: minCount ${minCount} is greater than maxCount ${maxCount}`)
  if (minCount < zones) found.push(`${key}: minCount ${minCount} leaves a zone empty; there are ${zones} zones`)
  if (!vmSizeWithLocalDisk.test(vmSize)) {
    found.push(
      `${key}: vmSize '${vmSize}' has no local disk for the ephemeral OS disk; take one with a d, such as Standard_D4ds_v5`,
    )
  }
  return found
}

function windowProblems(key: string, { durationHours }: MaintenanceWindow): string[] {
  if (durationHours >= leastMaintenanceHours) return []
  return [`${key}: durationHours ${durationHours} is less than the ${leastMaintenanceHours} hours that AKS asks for`]
}
