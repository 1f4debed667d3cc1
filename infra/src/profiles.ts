import type { Profile, Settings } from './settings.ts'

// Both profiles keep to the same rules of access and identity: what differs is what costs money or waits for people.
const network: Settings['network'] = {
  vnetCidr: '10.40.0.0/16',
  nodeSubnetCidr: '10.40.0.0/22',
  apiServerSubnetCidr: null,
  podCidr: '10.128.0.0/14',
  serviceCidr: '10.41.0.0/20',
  dnsServiceIp: '10.41.0.10',
  outbound: 'loadBalancer',
  ingressSources: [],
}

const dev: Settings = {
  network,
  cluster: {
    kubernetesVersion: '1.36',
    skuTier: 'Free',
    apiServer: 'public',
    authorizedIpRanges: [],
    advancedNetworking: false,
    systemPool: { vmSize: 'Standard_D4ds_v5', minCount: 1, maxCount: 3 },
    userPool: null,
    zones: ['1'],
    osDiskSizeGb: 64,
    maxPods: 110,
    hostEncryption: false,
    autoUpgrade: { day: 'Sunday', startTime: '02:00', durationHours: 4 },
    nodeOsUpgrade: { day: 'Saturday', startTime: '02:00', durationHours: 4 },
    deploymentSafeguards: 'Warn',
    imageCleanerHours: 120,
    keyVaultSecrets: false,
    defender: false,
    costAnalysis: false,
  },
  registry: { sku: 'Standard', roles: 'abac', untaggedRetentionDays: null, dataEndpoint: false, allowedIpRanges: [] },
  events: { messageTtlSeconds: 3600 },
  monitoring: { retentionDays: 30, dailyQuotaGb: 1, managedPrometheus: false, actionGroupId: null },
  protection: { deleteLocks: false },
}

const prod: Settings = {
  network: { ...network, outbound: 'natGateway' },
  cluster: {
    ...dev.cluster,
    skuTier: 'Standard',
    systemPool: { vmSize: 'Standard_D4ds_v5', minCount: 3, maxCount: 6 },
    userPool: { vmSize: 'Standard_D4ds_v5', minCount: 3, maxCount: 12 },
    zones: ['1', '2', '3'],
    hostEncryption: true,
    deploymentSafeguards: 'Enforce',
    defender: true,
    costAnalysis: true,
  },
  registry: { sku: 'Premium', roles: 'abac', untaggedRetentionDays: 15, dataEndpoint: true, allowedIpRanges: [] },
  events: { messageTtlSeconds: 3600 },
  monitoring: { retentionDays: 90, dailyQuotaGb: 10, managedPrometheus: true, actionGroupId: null },
  protection: { deleteLocks: true },
}

export const profiles: Readonly<Record<Profile, Settings>> = { dev, prod }
