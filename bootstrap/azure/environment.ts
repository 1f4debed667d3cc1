import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { ConfigError, parseConfig, type Config } from '../../infra/src/config.ts'
import { howToBegin } from '../../infra/src/examples.ts'
import { nameAll, type Names } from '../../infra/src/naming.ts'
import { tagsOf } from '../../infra/src/stack.ts'
import { checkout } from '../local/checkout.ts'
import { Problem } from '../calls/problem.ts'

/** One of infra's environments, with the names and resource IDs that follow from its file. */
export interface AzureEnvironment {
  readonly name: string
  /** As a person would type it. */
  readonly file: string
  readonly config: Config
  readonly names: Names
  readonly ids: ResourceIds
  readonly tags: readonly string[]
}

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
export interface ResourceIds {
  readonly subscription: string
  readonly stateAccount: string
  readonly stateContainer: string
  readonly registry: string
  readonly cluster: string
  readonly metrics: string
}

/** Where the environments of this checkout are: none, until an example is copied to here. */
export const environmentsFolder = join(checkout, 'infra', 'environments')

/** Reads an environment's file; rejects with all that is wrong with it. */
export async function readEnvironment(name: string, folder: string = environmentsFolder): Promise<AzureEnvironment> {
  const path = join(folder, `${name}.json`)
  const file = shortPath(path)
  const config = parse(file, await readFile(path, 'utf8').catch(() => noFile(file)))
  if (config.environment !== name) {
    throw invalid(file, `"environment" is '${config.environment}'`, `make it '${name}', the name of the file`)
  }
  const names = nameAll(config)
  return {
    name,
    file,
    config,
    names,
    ids: idsOf(config, names),
    tags: Object.entries(tagsOf(config)).map(([key, value]) => `${key}=${value}`),
  }
}

/** What stands in infra/examples for a real tenant, its addresses and its repository. */
export function placeholdersOf({ config }: AzureEnvironment): readonly string[] {
  const { github, settings } = config
  const fields = {
    subscriptionId: config.subscriptionId,
    tenantId: config.tenantId,
    adminGroupObjectIds: config.adminGroupObjectIds.join(),
    'cluster.authorizedIpRanges': settings.cluster.authorizedIpRanges.join(),
    'network.ingressSources': settings.network.ingressSources.join(),
    'monitoring.actionGroupId': settings.monitoring.actionGroupId ?? '',
    // Else a repository of somebody else could act as the pipeline.
    'github.releaseSubject': github.releaseSubject,
    'github.retentionSubject': github.retentionSubject,
    'github.planSubject': github.planSubject,
    'github.applySubject': github.applySubject,
  }
  return Object.entries(fields)
    .filter(([, value]) => placeholders.some((pattern) => pattern.test(value)))
    .map(([field]) => field)
}

const placeholders: readonly RegExp[] = [
  /(\d)\1{7}-\1{4}-\1{4}-\1{4}-\1{12}/,
  // For documents alone: https://www.rfc-editor.org/rfc/rfc5737
  /\b(192\.0\.2|198\.51\.100|203\.0\.113)\.\d/,
  /^repo:contoso\//,
]

/** A way that leads up is longer than the whole one. */
function shortPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') ? path : short
}

function parse(file: string, text: string): Config {
  try {
    return parseConfig(JSON.parse(text))
  } catch (error) {
    if (error instanceof ConfigError) throw invalid(file, error.problems.join('; '), 'change the file as it says')
    if (error instanceof SyntaxError) throw invalid(file, `it is not JSON: ${error.message}`, 'correct the file')
    throw error
  }
}

function invalid(file: string, why: string, mend: string): Problem {
  return new Problem({ what: `the environment ${file}`, why, mend })
}

function noFile(file: string): never {
  throw invalid(file, 'there is no such file', howToBegin(file))
}

function idsOf({ subscriptionId, state }: Config, names: Names): ResourceIds {
  const subscription = `/subscriptions/${subscriptionId}`
  const within = (group: string, type: string, name: string): string =>
    `${subscription}/resourceGroups/${group}/providers/${type}/${name}`
  const stateAccount = within(names.stateGroup, 'Microsoft.Storage/storageAccounts', state.storageAccountName)
  return {
    subscription,
    stateAccount,
    stateContainer: `${stateAccount}/blobServices/default/containers/${state.containerName}`,
    registry: within(names.platformGroup, 'Microsoft.ContainerRegistry/registries', names.registry),
    cluster: within(names.clusterGroup, 'Microsoft.ContainerService/managedClusters', names.cluster),
    metrics: within(names.platformGroup, 'Microsoft.Monitor/accounts', names.metrics),
  }
}
