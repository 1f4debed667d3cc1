import { readFile } from 'node:fs/promises'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { parseWith, strictObject } from './schema.ts'

/** What an identity may do in a repository; the scopes of ACR's tokens, see auth/scopes.ts. */
export const repositoryActions = ['pull', 'push', 'metadata_read', 'metadata_write', 'delete'] as const
export type RepositoryAction = (typeof repositoryActions)[number]

const name = Type.String({ minLength: 1 })
const hostName = Type.String({ pattern: '^[a-z0-9.-]+$' })
const uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const port = Type.Integer({ minimum: 0, maximum: 65535 })
const seconds = (byDefault: number) => Type.Integer({ minimum: 1, default: byDefault })

const permission = strictObject({
  /** A repository, or all that begin with what stands before the `*`. */
  repository: Type.String({ pattern: '^[a-z0-9._/-]*\\*?$', minLength: 1 }),
  actions: Type.Array(Type.Enum(repositoryActions), { minItems: 1 }),
})

const identityBase = {
  /** Shown in the request log. */
  name,
  permissions: Type.Array(permission),
  /** Whether it may list the repositories of the whole registry. */
  catalog: Type.Boolean({ default: false }),
}

/** Gets a token from Entra ID for the token of one service account. */
const workloadIdentity = strictObject({
  ...identityBase,
  clientId: uuid,
  federated: strictObject({ issuer: name, subject: name, audience: name }),
})

/** Uses a password, as a repository-scoped token of ACR does. */
const passwordIdentity = strictObject({ ...identityBase, username: name, password: name })

const jwks = Type.Union([
  strictObject({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) }),
  strictObject({ file: name }),
  strictObject({
    url: Type.String({ pattern: '^https?://' }),
    caFile: Type.Optional(name),
    certFile: Type.Optional(name),
    keyFile: Type.Optional(name),
  }),
])

const schema = strictObject({
  hosts: strictObject({ registry: hostName, blobs: hostName, entra: hostName }),
  listen: strictObject(
    { host: Type.String({ default: '127.0.0.1' }), port: Type.Integer({ minimum: 0, maximum: 65535, default: 0 }) },
    { default: {} },
  ),
  /** Left out: plain HTTP, on a loopback address only. */
  tls: Type.Optional(
    Type.Union([strictObject({ certFile: name, keyFile: name }), strictObject({ certPem: name, keyPem: name })]),
  ),
  /** Where faults are set and the request log is read; see control/admin.ts. */
  admin: Type.Optional(Type.Union([strictObject({ socket: name }), strictObject({ port })])),
  /** Keeps the tokens' keys and what is recorded of tags and manifests. */
  stateDir: name,
  /** The CNCF distribution that keeps the content: one that runs, or one to start. */
  distribution: Type.Union([
    strictObject({ url: Type.String({ pattern: '^http://' }) }),
    strictObject({ binary: name, directory: name }),
  ]),
  entra: strictObject({
    tenantId: uuid,
    /** Who may issue the tokens that identities are federated with, and the keys that they sign with. */
    issuers: Type.Array(strictObject({ issuer: name, jwks })),
  }),
  identities: Type.Array(Type.Union([workloadIdentity, passwordIdentity])),
  lifetimes: strictObject(
    {
      entraTokenSeconds: seconds(86_399),
      refreshTokenSeconds: seconds(11_700),
      accessTokenSeconds: seconds(4_500),
      blobUrlSeconds: seconds(1_200),
    },
    { default: {} },
  ),
  referrers: strictObject(
    {
      /** false: as a registry without the referrers API, where clients keep the `sha256-HEX` tag themselves. */
      api: Type.Boolean({ default: true }),
      pageSize: Type.Integer({ minimum: 1, default: 100 }),
    },
    { default: {} },
  ),
  /** Whether changing the attributes of a tag, manifest or repository moves its update time; see metadata/store.ts. */
  attributesMoveUpdateTime: Type.Boolean({ default: false }),
})

export type RegistryConfig = Static<typeof schema>
export type Identity = RegistryConfig['identities'][number]
export type WorkloadIdentity = Static<typeof workloadIdentity>
export type PasswordIdentity = Static<typeof passwordIdentity>
export type JwksConfig = Static<typeof jwks>

/** A configuration as it is written: whatever has a default may be left out. */
export type RegistryConfigInput = ReadonlyDeep<
  Omit<RegistryConfig, Defaulted | 'identities'> & {
    [Key in Defaulted]?: RegistryConfig[Key] extends object ? Partial<RegistryConfig[Key]> : RegistryConfig[Key]
  } & { identities: OptionalCatalog<Identity>[] }
>

/** Everything that is wrong with a configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the registry's configuration is not valid:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

export async function readConfigFile(path: string): Promise<RegistryConfig> {
  const text = await readFile(path, 'utf8')
  try {
    return parseConfig(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) throw new ConfigError([`${path} is not JSON: ${error.message}`])
    throw error
  }
}

/** Throws {@link ConfigError}. */
export function parseConfig(input: unknown): RegistryConfig {
  const parsed = parseWith(schema, input)
  if ('problems' in parsed) throw new ConfigError(parsed.problems)
  const problems = crossProblems(parsed.value)
  if (problems.length > 0) throw new ConfigError(problems)
  return parsed.value
}

export function isWorkload(identity: Identity): identity is WorkloadIdentity {
  return 'clientId' in identity
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

function crossProblems(config: RegistryConfig): readonly string[] {
  const problems: string[] = []
  if (new Set(Object.values(config.hosts)).size < 3) problems.push('hosts: the three names must differ')
  if (config.tls === undefined && !isLoopback(config.listen.host)) {
    problems.push(`tls is needed to listen on ${config.listen.host}, which is not a loopback address`)
  }
  const issuers = config.entra.issuers.map(({ issuer }) => issuer)
  const workloads = config.identities.filter(isWorkload)
  for (const { name, federated } of workloads) {
    if (!issuers.includes(federated.issuer)) {
      problems.push(`identities: ${name} is federated with ${federated.issuer}, which entra.issuers lacks`)
    }
  }
  const passwords = config.identities.filter((identity): identity is PasswordIdentity => !isWorkload(identity))
  problems.push(
    ...repeated('entra.issuers', issuers),
    ...repeated(
      'identities: name',
      config.identities.map(({ name }) => name),
    ),
    ...repeated(
      'identities: clientId',
      workloads.map(({ clientId }) => clientId),
    ),
    ...repeated(
      'identities: username',
      passwords.map(({ username }) => username),
    ),
  )
  return problems
}

function repeated(what: string, values: readonly string[]): readonly string[] {
  const seen = new Set<string>()
  return values.filter((value) => seen.has(value) || !seen.add(value)).map((value) => `${what} ${value} is there twice`)
}

type Defaulted = 'listen' | 'lifetimes' | 'referrers' | 'attributesMoveUpdateTime'

type OptionalCatalog<Of> = Of extends Identity ? Omit<Of, 'catalog'> & { catalog?: boolean } : never

type ReadonlyDeep<Of> = Of extends object ? { readonly [Key in keyof Of]: ReadonlyDeep<Of[Key]> } : Of
