import t from 'tap'
import { ConfigError, parseConfig, requireProfile } from './config.ts'
import { profiles } from './profiles.ts'
import type { Profile } from './settings.ts'
import { exampleEnvironment } from './testing.ts'

type Change = Readonly<Record<string, unknown>>

interface Refusal {
  readonly title: string
  readonly profile?: Profile
  /** Of the environment; what is an object is merged with what is there. */
  readonly change: Change
  readonly says: RegExp
}

const override = (group: string, settings: Change): Change => ({ override: { [group]: settings } })
const actionGroupId =
  '/subscriptions/6f1d0c7e-4b52-4a3e-9a51-0d3c1c9e7a10/resourceGroups/rg-on-call/providers/Microsoft.Insights/actionGroups/ag-on-call'
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => `203.0.${index % 256}.${Math.floor(index / 256)}/32`)

const refusals: readonly Refusal[] = [
  {
    title: 'VNet and pods overlap',
    change: override('network', { podCidr: '10.40.0.0/15' }),
    says: /network\.vnetCidr 10\.40\.0\.0\/16 and network\.podCidr 10\.40\.0\.0\/15 overlap/,
  },
  {
    title: 'pods and Services overlap',
    change: override('network', { serviceCidr: '10.128.0.0/20', dnsServiceIp: '10.128.0.10' }),
    says: /network\.podCidr 10\.128\.0\.0\/14 and network\.serviceCidr 10\.128\.0\.0\/20 overlap/,
  },
  {
    title: 'VNet and Services overlap',
    change: override('network', { serviceCidr: '10.40.16.0/20', dnsServiceIp: '10.40.16.10' }),
    says: /vnetCidr 10\.40\.0\.0\/16 and network\.serviceCidr .* overlap/,
  },
  {
    title: 'a block that AKS keeps',
    change: override('network', { serviceCidr: '172.30.0.0/20', dnsServiceIp: '172.30.0.10' }),
    says: /which Azure keeps for itself/,
  },
  {
    title: 'a VNet where no network can be',
    change: override('network', { vnetCidr: '224.0.0.0/16', nodeSubnetCidr: '224.0.0.0/22' }),
    says: /vnetCidr 224\.0\.0\.0\/16 overlaps 224\.0\.0\.0\/4, which Azure keeps for itself/,
  },
  {
    title: 'a subnet outside of the VNet',
    change: override('network', { nodeSubnetCidr: '10.50.0.0/22' }),
    says: /nodeSubnetCidr 10\.50\.0\.0\/22 must lie within/,
  },
  {
    title: 'a subnet too small for the nodes',
    change: override('network', { nodeSubnetCidr: '10.40.0.0/29' }),
    says: /has no room for 4 nodes/,
  },
  {
    title: 'a subnet too small for a node more of each pool',
    change: {
      override: {
        network: { nodeSubnetCidr: '10.40.0.0/29' },
        cluster: {
          systemPool: { minCount: 1, maxCount: 1 },
          userPool: { vmSize: 'Standard_D4ds_v5', minCount: 1, maxCount: 1 },
        },
      },
    },
    says: /has no room for 4 nodes/,
  },
  {
    title: 'too few blocks for the nodes’ pods',
    change: override('network', { podCidr: '10.128.0.0/23' }),
    says: /has no \/24 for each of 4 nodes/,
  },
  {
    title: 'Services as large as a /12',
    change: override('network', { serviceCidr: '10.144.0.0/12', dnsServiceIp: '10.144.0.10' }),
    says: /must be smaller than a \/12/,
  },
  {
    title: 'a block that is none',
    change: override('network', { vnetCidr: '10.40.0.0' }),
    says: /network\.vnetCidr: '10\.40\.0\.0' is not an IPv4 block/,
  },
  {
    title: 'DNS outside of the Services',
    change: override('network', { dnsServiceIp: '10.42.0.10' }),
    says: /dnsServiceIp 10\.42\.0\.10 must lie within network\.serviceCidr 10\.41\.0\.0\/20/,
  },
  {
    title: 'DNS at the API server’s address',
    change: override('network', { dnsServiceIp: '10.41.0.1' }),
    says: /must not be the first address/,
  },
  {
    title: 'DNS at no address',
    change: override('network', { dnsServiceIp: 'ten' }),
    says: /'ten' is not an IPv4 address/,
  },
  {
    title: 'ingress from everybody',
    change: override('network', { ingressSources: ['Internet'] }),
    says: /as good as everybody/,
  },
  {
    title: 'ingress from everybody, in small letters',
    change: override('network', { ingressSources: ['internet'] }),
    says: /'internet' is as good as everybody/,
  },
  {
    title: 'ingress from everybody, as a block',
    change: override('network', { ingressSources: ['0.0.0.0/0'] }),
    says: /as good as everybody/,
  },
  {
    title: 'ingress from nonsense',
    change: override('network', { ingressSources: ['10.0.0.1/8'] }),
    says: /nor a service tag/,
  },
  {
    title: 'a private cluster with authorized ranges',
    change: override('cluster', { apiServer: 'private' }),
    says: /authorizedIpRanges must be empty where cluster\.apiServer is private/,
  },
  {
    title: 'a public API server for everybody',
    change: override('cluster', { authorizedIpRanges: [] }),
    says: /must not be empty where cluster\.apiServer is public/,
  },
  {
    title: 'a range that is everybody',
    change: override('cluster', { authorizedIpRanges: ['0.0.0.0/0'] }),
    says: /0\.0\.0\.0\/0 is as good as everybody/,
  },
  {
    title: 'a private range',
    change: override('cluster', { authorizedIpRanges: ['10.0.0.0/8'] }),
    says: /is private; the API server sees public addresses/,
  },
  {
    title: 'more than 200 ranges',
    change: override('cluster', { authorizedIpRanges: many(201) }),
    says: /are 201 ranges; Azure takes 200/,
  },
  {
    title: '200 ranges and the gateway’s',
    profile: 'prod',
    change: override('cluster', { authorizedIpRanges: many(200) }),
    says: /are 201 ranges; Azure takes 200/,
  },
  {
    title: 'an integrated API server without its subnet',
    change: override('cluster', { apiServer: 'vnetIntegration' }),
    says: /apiServerSubnetCidr must be set/,
  },
  {
    title: 'a subnet for an API server that is not integrated',
    change: override('network', { apiServerSubnetCidr: '10.40.4.0/28' }),
    says: /is for cluster\.apiServer vnetIntegration only/,
  },
  {
    title: 'too small a subnet for the API server',
    change: {
      override: { network: { apiServerSubnetCidr: '10.40.4.0/29' }, cluster: { apiServer: 'vnetIntegration' } },
    },
    says: /must be a \/28 or larger/,
  },
  {
    title: 'subnets that overlap',
    change: {
      override: { network: { apiServerSubnetCidr: '10.40.0.0/28' }, cluster: { apiServer: 'vnetIntegration' } },
    },
    says: /apiServerSubnetCidr .* and network\.nodeSubnetCidr .* overlap/,
  },
  {
    title: 'retention without Premium',
    change: override('registry', { untaggedRetentionDays: 7 }),
    says: /registry\.untaggedRetentionDays needs registry\.sku Premium/,
  },
  {
    title: 'retention of what has no tag, where nothing is locked',
    profile: 'prod',
    change: override('registry', { roles: 'acrPull' }),
    says: /registry\.untaggedRetentionDays must be null where registry\.roles is acrPull/,
  },
  {
    title: 'a data endpoint without Premium',
    change: override('registry', { dataEndpoint: true }),
    says: /registry\.dataEndpoint needs registry\.sku Premium/,
  },
  {
    title: 'ranges of the registry without Premium',
    change: override('registry', { allowedIpRanges: ['198.51.100.0/24'] }),
    says: /registry\.allowedIpRanges needs registry\.sku Premium/,
  },
  {
    title: 'ranges of the registry without an address of the cluster',
    profile: 'prod',
    change: { override: { registry: { allowedIpRanges: ['198.51.100.0/24'] }, network: { outbound: 'loadBalancer' } } },
    says: /needs network\.outbound natGateway/,
  },
  {
    title: 'a private range of the registry',
    profile: 'prod',
    change: override('registry', { allowedIpRanges: ['10.1.0.0/16'] }),
    says: /registry\.allowedIpRanges: 10\.1\.0\.0\/16 is private; the registry sees public addresses/,
  },
  {
    title: 'a range of the registry that is everybody',
    profile: 'prod',
    change: override('registry', { allowedIpRanges: ['0.0.0.0/0'] }),
    says: /registry\.allowedIpRanges: 0\.0\.0\.0\/0 is as good as everybody/,
  },
  {
    title: 'cost analysis on the Free tier',
    change: override('cluster', { costAnalysis: true }),
    says: /costAnalysis needs cluster\.skuTier Standard or Premium/,
  },
  {
    title: 'an action group by its name',
    profile: 'prod',
    change: override('monitoring', { actionGroupId: 'ag-on-call' }),
    says: /monitoring\.actionGroupId: 'ag-on-call' is not the resource ID of an action group/,
  },
  {
    title: 'an action group that is another resource',
    profile: 'prod',
    change: override('monitoring', { actionGroupId: actionGroupId.replace('actionGroups', 'components') }),
    says: /is not the resource ID of an action group/,
  },
  {
    title: 'an action group that is not named to the end',
    profile: 'prod',
    change: override('monitoring', { actionGroupId: actionGroupId.replace('ag-on-call', '') }),
    says: /is not the resource ID of an action group/,
  },
  {
    title: 'an action group and something behind it',
    profile: 'prod',
    change: override('monitoring', { actionGroupId: `${actionGroupId}\n` }),
    says: /is not the resource ID of an action group/,
  },
  {
    title: 'an action group without managed Prometheus',
    change: override('monitoring', { actionGroupId }),
    says: /monitoring\.actionGroupId needs monitoring\.managedPrometheus/,
  },
  {
    title: 'upgrades in less than four hours',
    change: override('cluster', { autoUpgrade: { day: 'Sunday', startTime: '02:00', durationHours: 3 } }),
    says: /cluster\.autoUpgrade: durationHours 3 is less than the 4 hours/,
  },
  {
    title: 'node images in less than four hours',
    change: override('cluster', { nodeOsUpgrade: { day: 'Sunday', startTime: '02:00', durationHours: 1 } }),
    says: /cluster\.nodeOsUpgrade: durationHours 1/,
  },
  {
    title: 'a time that is none',
    change: override('cluster', { autoUpgrade: { startTime: '24:00' } }),
    says: /autoUpgrade\.startTime must match pattern/,
  },
  {
    title: 'a size without a local disk',
    change: override('cluster', { systemPool: { vmSize: 'Standard_D4s_v5' } }),
    says: /'Standard_D4s_v5' has no local disk/,
  },
  {
    title: 'fewer at most than at least',
    change: override('cluster', { systemPool: { minCount: 5 } }),
    says: /minCount 5 is greater than maxCount 3/,
  },
  {
    title: 'a zone without a node',
    profile: 'prod',
    change: override('cluster', { userPool: { minCount: 2 } }),
    says: /cluster\.userPool: minCount 2 leaves a zone empty/,
  },
  {
    title: 'a patch version',
    change: override('cluster', { kubernetesVersion: '1.36.2' }),
    says: /kubernetesVersion must match pattern/,
  },
  {
    title: 'a tier that is none',
    change: override('cluster', { skuTier: 'Gold' }),
    says: /skuTier must be one of Free, Standard, Premium/,
  },
  {
    title: 'a setting that is none',
    change: override('cluster', { autoscaling: true }),
    says: /override\.cluster: there is no setting 'autoscaling'/,
  },
  { title: 'a group that is none', change: override('dns', {}), says: /override: there is no setting 'dns'/ },
  { title: 'a key that is none', change: { region: 'x' }, says: /there is no setting 'region'/ },
  {
    title: 'a name that Azure refuses for the environment',
    change: { environment: 'Dev_1' },
    says: /environment: 'Dev_1' must have 2 to 12 lower-case/,
  },
  {
    title: 'a name of storage that is too long',
    change: { workload: 'windlassplat', environment: 'production' },
    says: /storage account of events: '.*' must have 3 to 24/,
  },
  {
    title: 'a state account that Azure refuses',
    change: { state: { storageAccountName: 'st-state' } },
    says: /state\.storageAccountName: 'st-state' must have 3 to 24/,
  },
  {
    title: 'a state container that Azure refuses',
    change: { state: { containerName: 'tf--state' } },
    says: /state\.containerName: 'tf--state'/,
  },
  {
    title: 'a word that Azure keeps for itself',
    change: { workload: 'windows' },
    says: /the name of the registry: 'crwindowsdevc0n70s0' must have no word that Azure keeps/,
  },
  {
    title: 'a state account in the name of a login',
    change: { state: { storageAccountName: 'loginstate' } },
    says: /state\.storageAccountName: 'loginstate' must have no word that Azure keeps/,
  },
  {
    title: 'more repositories than a condition holds',
    change: { repositories: { delivered: Array.from({ length: 80 }, (_, index) => `app-${index}`) } },
    says: /repositories: 81 are too many for one condition of a role, which may have 8192 characters/,
  },
  {
    title: 'a repository that no registry takes',
    change: { repositories: { delivered: ["a' OR 'b"] } },
    says: /repositories: 'a' OR 'b' must have lower-case parts/,
  },
  {
    title: 'a repository twice',
    change: { repositories: { platform: ['predictor'] } },
    says: /repositories: 'predictor' is named twice/,
  },
  { title: 'nobody to administer', change: { adminGroupObjectIds: [] }, says: /adminGroupObjectIds must name a group/ },
  {
    title: 'an ID that is none',
    change: { tenantId: 'contoso' },
    says: /tenantId: 'contoso' is not a lower-case GUID/,
  },
  {
    title: 'a subject with a wildcard',
    change: { github: { planSubject: 'repo:contoso/windlass:*' } },
    says: /planSubject: .* has a wildcard/,
  },
  {
    title: 'a release that no environment guards',
    change: { github: { releaseSubject: 'repo:contoso/windlass:ref:refs/heads/main' } },
    says: /releaseSubject: .* must end with an environment/,
  },
  {
    title: 'a plan for every pull request, where the workflow plans in an environment',
    change: { github: { planSubject: 'repo:contoso/windlass:pull_request' } },
    says: /planSubject: 'repo:contoso\/windlass:pull_request' must end with an environment/,
  },
  {
    title: 'two identities for one subject',
    change: { github: { retentionSubject: 'repo:contoso/windlass:environment:dev-release' } },
    says: /github\.retentionSubject and github\.releaseSubject are the same subject/,
  },
  {
    title: 'a subject without a repository',
    change: { github: { applySubject: 'repo:contoso:environment:apply' } },
    says: /applySubject: 'repo:contoso:environment:apply' is not 'repo:OWNER\/REPOSITORY:environment:NAME'/,
  },
  {
    title: 'a subject of another issuer',
    change: { github: { applySubject: 'org:contoso:environment:apply' } },
    says: /must begin with repo:/,
  },
]

for (const { title, profile = 'dev', change, says } of refusals) {
  t.test(`refused: ${title}`, async (t) => {
    const problems = problemsOf(merge(exampleEnvironment(profile), change))
    t.ok(
      problems.some((problem) => says.test(problem)),
      problems.join('\n') || 'it was taken',
    )
  })
}

t.test('clients of the Ingress may be a service in one region', async (t) => {
  t.strictSame(
    problemsOf(
      merge(
        exampleEnvironment('dev'),
        override('network', { ingressSources: ['AzureCloud.eastus2', 'VirtualNetwork'] }),
      ),
    ),
    [],
  )
})

t.test('an action group may be written as Azure does, in either case', async (t) => {
  for (const id of [actionGroupId, actionGroupId.toLowerCase()]) {
    const environment = merge(exampleEnvironment('prod'), override('monitoring', { actionGroupId: id }))
    t.equal(parseConfig(environment).settings.monitoring.actionGroupId, id)
  }
})

t.test('as many repositories as there are, where no role has a condition', async (t) => {
  const delivered = Array.from({ length: 200 }, (_, index) => `app-${index}`)
  const environment = merge(exampleEnvironment('dev'), override('registry', { roles: 'acrPull' }))
  t.strictSame(problemsOf(merge(environment, { repositories: { delivered } })), [])
})

t.test('a registry of the older mode is taken on Premium too, once nothing is deleted for want of a tag', async (t) => {
  const registry = { roles: 'acrPull', untaggedRetentionDays: null }
  t.strictSame(problemsOf(merge(exampleEnvironment('prod'), override('registry', registry))), [])
})

t.test('all problems are told at once', async (t) => {
  const problems = problemsOf(
    merge(exampleEnvironment('dev'), {
      tenantId: 'x',
      override: { cluster: { costAnalysis: true }, network: { dnsServiceIp: '10.0.0.1' } },
    }),
  )
  t.equal(problems.length, 3)
})

t.test('settings are those of the profile, but for what the environment overrides', async (t) => {
  const { settings } = parseConfig(
    merge(exampleEnvironment('prod'), override('cluster', { userPool: { maxCount: 5 } })),
  )
  t.strictSame(settings.cluster.userPool, { ...profiles.prod.cluster.userPool, maxCount: 5 })
  t.strictSame(settings.monitoring, profiles.prod.monitoring)
  t.equal(
    parseConfig(merge(exampleEnvironment('prod'), override('cluster', { userPool: null }))).settings.cluster.userPool,
    null,
  )
})

t.test('an environment is not synthesized under the other profile', async (t) => {
  const config = parseConfig(exampleEnvironment('prod'))
  t.throws(() => requireProfile(config, 'dev'), ConfigError)
  t.doesNotThrow(() => requireProfile(config, 'prod'))
})

function problemsOf(environment: unknown): readonly string[] {
  try {
    parseConfig(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

function merge(base: Change, change: Change): Change {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(change)) {
    const had = merged[key]
    merged[key] = isRecord(had) && isRecord(value) ? merge(had, value) : value
  }
  return merged
}

function isRecord(value: unknown): value is Change {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
