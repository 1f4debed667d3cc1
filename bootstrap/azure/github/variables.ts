import type { AzureEnvironment } from '../environment.ts'

/** Client IDs of the identities that GitHub's environments act as. */
export interface ClientIds {
  readonly release: string
  readonly retention: string
  readonly plan: string
  readonly apply: string
}

/** One variable of a repository, or of one of its environments. */
export interface Variable {
  readonly environment?: string
  readonly name: string
  readonly value: string
}

/** A job's subject, as GitHub's tokens have it; newer repositories have IDs behind both names. */
export interface Subject {
  readonly repository: string
  readonly environment: string
}

/** https://docs.github.com/actions/reference/security/oidc#example-subject-claims */
export function parseSubject(subject: string): Subject | undefined {
  const { owner, repository, environment } =
    /^repo:(?<owner>[^/:@]+)(@\d+)?\/(?<repository>[^/:@]+)(@\d+)?:environment:(?<environment>[^:]+)$/.exec(subject)
      ?.groups ?? {}
  if (owner === undefined || repository === undefined || environment === undefined) return undefined
  return { repository: `${owner}/${repository}`, environment }
}

/** What docs/ci.md says that the workflows need, with its values. */
export function variablesOf(
  { config, names }: AzureEnvironment,
  clientIds: ClientIds,
  registryHost: string,
): readonly Variable[] {
  const { registry } = config.settings
  const shared = [
    { name: 'REGISTRY', value: registryHost },
    ...(registry.dataEndpoint
      ? [{ name: 'REGISTRY_DATA_ENDPOINT', value: `${names.registry}.${config.location}.data.azurecr.io` }]
      : []),
  ]
  const identity = (clientId: string) => [
    { name: 'AZURE_CLIENT_ID', value: clientId },
    { name: 'AZURE_TENANT_ID', value: config.tenantId },
  ]
  const lock = registry.roles === 'acrPull' ? [{ name: 'TAG_LOCK', value: 'off' }] : []
  const { github } = config
  const within = (subject: string, variables: readonly Variable[]): readonly Variable[] => {
    const environment = parseSubject(subject)?.environment ?? '<environment>'
    return variables.map((variable) => ({ environment, ...variable }))
  }
  return [
    ...within(github.releaseSubject, [...identity(clientIds.release), ...shared, ...lock]),
    ...within(github.retentionSubject, [...identity(clientIds.retention), ...shared]),
    ...within(github.planSubject, identity(clientIds.plan)),
    ...within(github.applySubject, identity(clientIds.apply)),
    ...(config.environment === 'prod' ? [] : [{ name: 'ENVIRONMENT', value: config.environment }]),
  ]
}
