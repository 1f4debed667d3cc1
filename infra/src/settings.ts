import { Type, type Static } from 'typebox'

const closed = { additionalProperties: false } as const
const integer = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum })
const strings = () => Type.Array(Type.String())
const choice = <Values extends string[]>(...values: [...Values]) => Type.Enum<Values>(values)

const nodePool = Type.Object(
  { vmSize: Type.String(), minCount: integer(1, 1000), maxCount: integer(1, 1000) },
  { ...closed, description: 'vmSize needs a local disk for the ephemeral OS disk' },
)

const maintenanceWindow = Type.Object(
  {
    day: choice('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'),
    startTime: Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$' }),
    durationHours: integer(1, 24),
  },
  { ...closed, description: 'weekly, in UTC' },
)

/** All that a profile presets, and that an environment may override field by field. */
export const settingsSchema = Type.Object(
  {
    network: Type.Object(
      {
        vnetCidr: Type.String(),
        nodeSubnetCidr: Type.String(),
        apiServerSubnetCidr: Type.Union([Type.String(), Type.Null()], {
          description: 'for cluster.apiServer vnetIntegration',
        }),
        podCidr: Type.String({ description: 'overlay: a /24 for each node, not routed in the VNet' }),
        serviceCidr: Type.String(),
        dnsServiceIp: Type.String(),
        outbound: choice('loadBalancer', 'natGateway'),
        ingressSources: Type.Array(Type.String(), {
          description: 'blocks or service tags that may reach ports 80 and 443 of the nodes; none: nobody outside',
        }),
      },
      closed,
    ),
    cluster: Type.Object(
      {
        kubernetesVersion: Type.String({ pattern: '^1\\.\\d+$', description: 'minor alias: patches are no drift' }),
        skuTier: choice('Free', 'Standard', 'Premium'),
        apiServer: choice('public', 'vnetIntegration', 'private'),
        authorizedIpRanges: Type.Array(Type.String(), { description: '0.0.0.0/32: only the cluster itself' }),
        advancedNetworking: Type.Boolean(),
        systemPool: nodePool,
        userPool: Type.Union([nodePool, Type.Null()], { description: 'null: applications run on the system pool' }),
        zones: Type.Array(choice('1', '2', '3'), { minItems: 1, uniqueItems: true }),
        osDiskSizeGb: integer(30, 2048),
        maxPods: integer(50, 250),
        hostEncryption: Type.Boolean({ description: 'the subscription needs the feature EncryptionAtHost' }),
        autoUpgrade: maintenanceWindow,
        nodeOsUpgrade: maintenanceWindow,
        deploymentSafeguards: choice('Warn', 'Enforce'),
        imageCleanerHours: integer(24, 2160),
        keyVaultSecrets: Type.Boolean(),
        defender: Type.Boolean(),
        costAnalysis: Type.Boolean(),
      },
      closed,
    ),
    registry: Type.Object(
      {
        sku: choice('Basic', 'Standard', 'Premium'),
        roles: choice('abac', 'acrPull'),
        untaggedRetentionDays: Type.Union([integer(0, 365), Type.Null()]),
        dataEndpoint: Type.Boolean(),
        allowedIpRanges: Type.Array(Type.String(), {
          description: 'where not empty, all others but the cluster are denied',
        }),
      },
      closed,
    ),
    events: Type.Object({ messageTtlSeconds: integer(60, 604_800) }, closed),
    monitoring: Type.Object(
      {
        retentionDays: integer(30, 730),
        dailyQuotaGb: Type.Number({ minimum: 0.1 }),
        managedPrometheus: Type.Boolean(),
        actionGroupId: Type.Union([Type.String(), Type.Null()], {
          description: 'resource ID of the action group that alerts of managed Prometheus go to; null: nobody is told',
        }),
      },
      closed,
    ),
    protection: Type.Object({ deleteLocks: Type.Boolean() }, closed),
  },
  closed,
)

export type Settings = Static<typeof settingsSchema>
export type NodePool = Settings['cluster']['systemPool']
export type MaintenanceWindow = Settings['cluster']['autoUpgrade']

/** What has no preset: who and where. */
export const environmentSchema = Type.Object(
  {
    environment: Type.String({ description: 'name, a part of every resource name' }),
    profile: choice('dev', 'prod'),
    workload: Type.String({ description: 'first part of every resource name' }),
    nameSuffix: Type.String({ pattern: '^[a-z0-9]{3,8}$', description: 'makes globally unique names unique' }),
    location: Type.String({ pattern: '^[a-z0-9]+$', description: 'an Azure region with availability zones' }),
    subscriptionId: Type.String(),
    tenantId: Type.String(),
    adminGroupObjectIds: strings(),
    state: Type.Object({ storageAccountName: Type.String(), containerName: Type.String() }, closed),
    github: Type.Object(
      {
        issuer: Type.String({ pattern: '^https://[^/]+(/.*[^/])?$' }),
        releaseSubject: Type.String(),
        retentionSubject: Type.String(),
        planSubject: Type.String(),
        applySubject: Type.String(),
      },
      { ...closed, description: "the literal `sub` of GitHub's tokens: Entra compares it as a whole" },
    ),
    repositories: Type.Object(
      {
        delivered: Type.Array(Type.String(), { minItems: 1, description: 'what the reconciler reads' }),
        platform: Type.Array(Type.String(), { description: 'what runs besides, the reconciler itself' }),
      },
      closed,
    ),
    override: Type.Object({}, { description: 'any part of the settings, merged over those of the profile' }),
  },
  closed,
)

export type Environment = Omit<Static<typeof environmentSchema>, 'override'>
export type Profile = Environment['profile']
