import { parseSubject, type Subject } from '../../../infra/src/subject.ts'
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
  /** `OWNER/REPOSITORY` */
  readonly repository: string
  readonly environment?: string
  readonly name: string
  readonly value: string
}

const subjectNames = ['releaseSubject', 'retentionSubject', 'planSubject', 'applySubject'] as const
type SubjectName = (typeof subjectNames)[number]

/** The environment of GitHub that one of the identities is for. */
export function readSubject({ config }: AzureEnvironment, name: SubjectName): Subject {
  const subject = parseSubject(config.github[name])
  if (subject === undefined) throw new Error(`github.${name}: infra/ takes no such subject`)
  return subject
}

/** Whose jobs the subjects are of: one repository, or that of an app beside that of Windlass. */
export function repositoriesOf(environment: AzureEnvironment): readonly string[] {
  return [...new Set(subjectNames.map((name) => readSubject(environment, name).repository))]
}

/** What docs/ci.md says that the workflows need, with its values. */
export function variablesOf(
  environment: AzureEnvironment,
  clientIds: ClientIds,
  registryHost: string,
): readonly Variable[] {
  const { config, names } = environment
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
  const within = (
    subject: SubjectName,
    variables: readonly { readonly name: string; readonly value: string }[],
  ): readonly Variable[] => variables.map((variable) => ({ ...readSubject(environment, subject), ...variable }))
  const named = { name: 'ENVIRONMENT', value: config.environment }
  return [
    ...within('releaseSubject', [...identity(clientIds.release), ...shared, ...lock]),
    ...within('retentionSubject', [...identity(clientIds.retention), ...shared]),
    ...within('planSubject', identity(clientIds.plan)),
    ...within('applySubject', identity(clientIds.apply)),
    ...(config.environment === 'prod'
      ? []
      : repositoriesOf(environment).map((repository) => ({ repository, ...named }))),
  ]
}
