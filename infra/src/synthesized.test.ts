// Whatever settings are taken, what is written hangs together, and CI stays where it is.
import * as fc from 'fast-check'
import t from 'tap'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, parseConfig, type Config } from './config.ts'
import type { StackName } from './stack.ts'
import { stackNames, synthesize } from './synth.ts'
import { readSynthesized, type Synthesized } from './synthesized.ts'
import { exampleEnvironment } from './testing.ts'

t.setTimeout(180_000)

/** How many environments are drawn; each that is taken, which is every other one, is synthesized. */
const numRuns = 50

const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined, freq: 1 })
const pool = fc.record({
  vmSize: fc.constantFrom('Standard_D4ds_v5', 'Standard_E8ads_v5'),
  minCount: fc.integer({ min: 2, max: 4 }),
  maxCount: fc.integer({ min: 4, max: 8 }),
})
/** Each of its own value, or the profile's; some are refused together. */
const overrides = fc.record({
  network: fc.record(
    {
      outbound: fc.constantFrom('loadBalancer', 'natGateway'),
      ingressSources: fc.constantFrom([], ['203.0.113.0/24']),
    },
    { requiredKeys: [] },
  ),
  cluster: fc.record(
    {
      skuTier: fc.constantFrom('Free', 'Standard', 'Premium'),
      advancedNetworking: fc.boolean(),
      userPool: fc.oneof(fc.constant(null), pool),
      zones: fc.constantFrom(['1'], ['1', '2', '3']),
      hostEncryption: fc.boolean(),
      deploymentSafeguards: fc.constantFrom('Warn', 'Enforce'),
      keyVaultSecrets: fc.boolean(),
      defender: fc.boolean(),
      costAnalysis: fc.boolean(),
    },
    { requiredKeys: [] },
  ),
  registry: fc.oneof(
    fc.record({
      sku: fc.constantFrom('Basic', 'Standard', 'Premium'),
      roles: fc.constantFrom('abac', 'acrPull'),
      untaggedRetentionDays: fc.constant(null),
      dataEndpoint: fc.constant(false),
    }),
    fc.record({
      sku: fc.constant('Premium'),
      roles: fc.constantFrom('abac', 'acrPull'),
      untaggedRetentionDays: fc.constantFrom(null, 7),
      dataEndpoint: fc.boolean(),
      allowedIpRanges: fc.constantFrom([], ['198.51.100.0/24']),
    }),
  ),
  monitoring: fc.record({ managedPrometheus: fc.boolean() }, { requiredKeys: [] }),
  protection: fc.record({ deleteLocks: fc.boolean() }, { requiredKeys: [] }),
})
const servers = fc.constantFrom(
  { cluster: { apiServer: 'public', authorizedIpRanges: ['203.0.113.0/24'] }, network: {} },
  { cluster: { apiServer: 'private', authorizedIpRanges: [] }, network: {} },
  {
    cluster: { apiServer: 'vnetIntegration', authorizedIpRanges: ['203.0.113.0/24'] },
    network: { apiServerSubnetCidr: '10.40.4.0/28' },
  },
)
const repositories = fc.record({
  delivered: fc.constantFrom(['predictor'], ['predictor', 'team/web', 'shop']),
  platform: fc.constantFrom([], ['windlass']),
})
const environments = fc
  .tuple(fc.constantFrom('dev' as const, 'prod' as const), overrides, servers, maybe(repositories))
  .map(([profile, override, server, named]) => {
    const cluster = { ...override.cluster, ...server.cluster }
    const network = { ...override.network, ...server.network }
    return { ...exampleEnvironment(profile, { ...override, cluster, network }), ...(named && { repositories: named }) }
  })

t.test('whatever settings are taken can be written, refer to what is there, and keep CI to the registry', async (t) => {
  let taken = 0
  const refused = new Set<string>()
  fc.assert(
    fc.property(environments, (environment) => {
      const config = accepted(environment, refused)
      if (config === undefined) return
      taken += 1
      const found = synthesizeOnce(config)
      const problems = [...stackNames.flatMap((stack) => unresolved(found, stack)), ...beyondRegistry(found)]
      if (problems.length > 0) throw new Error(problems.join('\n'))
    }),
    { numRuns },
  )
  t.comment(`${taken} of ${numRuns} were taken; refused were ${[...refused].join(', ')}`)
  t.ok(taken > numRuns / 10, `${taken} were taken`)
})

t.test('a reference to nothing, and a role beyond the registry, would be seen', async (t) => {
  const found = synthesizeOnce(parseConfig(exampleEnvironment('dev')))
  t.strictSame([...stackNames.flatMap((stack) => unresolved(found, stack)), ...beyondRegistry(found)], [])
  const text = JSON.stringify(found.stacks)
  const broken = (from: string, to: string): Synthesized => {
    t.ok(text.includes(from), from)
    const Read = found.constructor as new (stacks: Synthesized['stacks']) => Synthesized
    return new Read(JSON.parse(text.replaceAll(from, to)) as Synthesized['stacks'])
  }
  const gone = broken('"registry-acr":', '"registry-gone":')
  t.match(unresolved(gone, 'platform')[0], /^platform: \$\{azurerm_container_registry\.registry-acr\./)
  t.ok(beyondRegistry(gone).length > 0, 'the registry of its roles is not there')
  const platform = JSON.stringify(found.stacks.platform)
  const output = /input-base\.outputs\.([\w-]+)\}/.exec(platform)?.[1] ?? ''
  t.match(unresolved(broken(`"${output}":{`, '"gone":{'), 'platform'), [
    /^platform: \$\{data\.terraform_remote_state\./,
  ])
  const wide = broken('"scope":"${azurerm_container_registry.registry-acr.id}"', '"scope":"/subscriptions/x"')
  t.strictSame(beyondRegistry(wide).length, 2)
})

/** Undefined where the rules refuse it; any other error is one of the rules. */
function accepted(environment: unknown, refused: Set<string>): Config | undefined {
  try {
    return parseConfig(environment)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) refused.add(problem.split(/[ :]/, 1)[0] ?? '')
    return undefined
  }
}

function synthesizeOnce(config: Config): Synthesized {
  const folder = mkdtempSync(join(tmpdir(), 'windlass-infra-'))
  try {
    synthesize(config, folder)
    return readSynthesized(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** References of a stack to nothing: neither to a resource of it, nor to an output of another that it reads. */
function unresolved(found: Synthesized, stack: StackName): readonly string[] {
  const resources = new Set(found.resources.map(({ address }) => address))
  const { data = {} } = found.stacks[stack] as {
    readonly data?: Readonly<Record<string, Readonly<Record<string, object>>>>
  }
  const isThere = (reference: string): boolean => {
    // Terraform's own.
    if (reference === 'terraform.workspace') return true
    const [type = '', name = '', ...path] = reference.split('.')
    if (type !== 'data') return resources.has(`${stack}/${type}.${name}`)
    const [read = '', , output = ''] = path
    const from = read.replace('cross-stack-reference-input-', '') as StackName
    return data[name]?.[read] !== undefined && found.stacks[from].output?.[output] !== undefined
  }
  return [
    ...new Set(
      textsOf(found.stacks[stack]).flatMap((text) => [...text.matchAll(/\$\{([^}]*)\}/g)].map(([, it = '']) => it)),
    ),
  ]
    .filter((reference) => !isThere(reference))
    .map((reference) => `${stack}: \${${reference}} is not there`)
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, part]) => (key === '//' ? [] : textsOf(part)))
}

/** Roles of CI's identities on anything but the registry. */
function beyondRegistry(found: Synthesized): readonly string[] {
  return found.ofType('azurerm_role_assignment').flatMap(({ stack, address, attributes }) => {
    const isOfCi = found.referredBy(stack, attributes['principal_id']).some(({ name }) => name.startsWith('ci-'))
    const on = found.referredBy(stack, attributes['scope']).map(({ type }) => type)
    const isRegistry = on.length === 1 && on[0] === 'azurerm_container_registry'
    return isOfCi && !isRegistry ? [`${address} is on ${String(attributes['scope'])}`] : []
  })
}
