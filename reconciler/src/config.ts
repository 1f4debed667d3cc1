import { parseDuration } from './core/duration.ts'
import { logLevels, type LogLevel } from './telemetry/log.ts'

/** The process: endpoints, identity, lease, concurrency. What is delivered stands in Deliveries. */
export interface Config {
  /** Hosts to which our credential may go. */
  readonly registries: readonly string[]
  readonly host: string
  readonly port: number
  readonly logLevel: LogLevel
  readonly podName: string
  readonly podNamespace: string
  /** Only outside of a cluster. */
  readonly kubeconfig?: string
  readonly lease: {
    readonly name: string
    readonly durationMs: number
    readonly renewDeadlineMs: number
    readonly renewIntervalMs: number
    readonly retryPeriodMs: number
  }
  /** How many Deliveries are reconciled at once. */
  readonly concurrency: number
  /** The most by which a poll is put off at random. */
  readonly pollJitterMs: number
  readonly identity: {
    readonly clientId: string
    readonly tenantId: string
    readonly tokenFilePath: string
    readonly authorityHost: string
    readonly disableInstanceDiscovery: boolean
  }
  /** For which resource a registry's token is asked, where it is not Azure's public cloud. */
  readonly registryAudience?: string
}

/** Holds every problem, so that none is found only after another was mended. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the environment is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

const prefix = 'WINDLASS_'

/** Every key that is read, with what it is without a value; a key without a default must be set. */
const keys = {
  registries: key('WINDLASS_REGISTRIES', parseHosts),
  host: key('WINDLASS_HOST', parseText, '0.0.0.0'),
  port: key('WINDLASS_PORT', parseInteger(1, 65_535), '8080'),
  logLevel: key('WINDLASS_LOG_LEVEL', parseChoice(logLevels), 'info'),
  podName: key('WINDLASS_POD_NAME', parseText),
  podNamespace: key('WINDLASS_POD_NAMESPACE', parseText),
  kubeconfig: key('WINDLASS_KUBECONFIG', parseOptional, ''),
  leaseName: key('WINDLASS_LEASE_NAME', parseText, 'windlass'),
  leaseDurationMs: key('WINDLASS_LEASE_DURATION', parseSpan, '15s'),
  renewDeadlineMs: key('WINDLASS_LEASE_RENEW_DEADLINE', parseSpan, '10s'),
  renewIntervalMs: key('WINDLASS_LEASE_RENEW_INTERVAL', parseSpan, '4s'),
  retryPeriodMs: key('WINDLASS_LEASE_RETRY_PERIOD', parseSpan, '2s'),
  concurrency: key('WINDLASS_CONCURRENCY', parseInteger(1, 256), '8'),
  pollJitterMs: key('WINDLASS_POLL_JITTER', parseSpan, '1s'),
  registryAudience: key('WINDLASS_REGISTRY_AUDIENCE', parseOptional, ''),
  disableInstanceDiscovery: key('WINDLASS_DISABLE_INSTANCE_DISCOVERY', parseBoolean, 'false'),
  clientId: key('AZURE_CLIENT_ID', parseText),
  tenantId: key('AZURE_TENANT_ID', parseText),
  tokenFilePath: key('AZURE_FEDERATED_TOKEN_FILE', parseText),
  authorityHost: key('AZURE_AUTHORITY_HOST', parseHttps, 'https://login.microsoftonline.com/'),
} as const

/** The names of all keys, for the test of the documents. */
export const configKeys: readonly string[] = Object.values(keys).map(({ name }) => name)

/** Throws ConfigError with every problem at once; an unknown key under our prefix is one, for it is a slip. */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const problems = Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !configKeys.includes(name))
    .map((name) => `${name} is not known`)
  function read<T>({ name, parse, otherwise }: Key<T>): T {
    const text = env[name]?.trim() || otherwise
    const parsed = text === undefined ? { problem: 'must be set' } : parse(text)
    if ('value' in parsed) return parsed.value
    problems.push(`${name} ${parsed.problem}`)
    // Never seen: a config with a problem is not handed out.
    return undefined as T
  }

  const kubeconfig = read(keys.kubeconfig)
  const registryAudience = read(keys.registryAudience)
  const config: Config = {
    registries: read(keys.registries),
    host: read(keys.host),
    port: read(keys.port),
    logLevel: read(keys.logLevel),
    podName: read(keys.podName),
    podNamespace: read(keys.podNamespace),
    ...(kubeconfig !== '' && { kubeconfig }),
    lease: {
      name: read(keys.leaseName),
      durationMs: read(keys.leaseDurationMs),
      renewDeadlineMs: read(keys.renewDeadlineMs),
      renewIntervalMs: read(keys.renewIntervalMs),
      retryPeriodMs: read(keys.retryPeriodMs),
    },
    concurrency: read(keys.concurrency),
    pollJitterMs: read(keys.pollJitterMs),
    identity: {
      clientId: read(keys.clientId),
      tenantId: read(keys.tenantId),
      tokenFilePath: read(keys.tokenFilePath),
      authorityHost: read(keys.authorityHost),
      disableInstanceDiscovery: read(keys.disableInstanceDiscovery),
    },
    ...(registryAudience !== '' && { registryAudience }),
  }
  problems.push(...leaseProblems(config.lease))
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(config)
}

interface Key<T> {
  readonly name: string
  readonly parse: Parse<T>
  readonly otherwise: string | undefined
}

type Parse<T> = (text: string) => { readonly value: T } | { readonly problem: string }

function key<T>(name: string, parse: Parse<T>, otherwise?: string): Key<T> {
  return { name, parse, otherwise }
}

/** Invariant 6 rests on them: a leader gives up before another may begin, with time for requests to end between. */
function leaseProblems(lease: Config['lease']): readonly string[] {
  const { durationMs, renewDeadlineMs, renewIntervalMs, retryPeriodMs } = lease
  const { leaseDurationMs: duration, renewDeadlineMs: deadline, renewIntervalMs: interval, retryPeriodMs: retry } = keys
  return [
    // Without a pause the API server would be asked as fast as it answers.
    ...(retryPeriodMs < 1000 ? [`${retry.name} must be a second or more`] : []),
    ...(renewIntervalMs < 1000 ? [`${interval.name} must be a second or more`] : []),
    ...(durationMs - renewDeadlineMs < 1000
      ? [`${duration.name} must be a second or more above ${deadline.name}`]
      : []),
    ...(renewDeadlineMs - renewIntervalMs < 1000
      ? [`${deadline.name} must be a second or more above ${interval.name}`]
      : []),
    ...(retryPeriodMs >= renewDeadlineMs ? [`${retry.name} must be below ${deadline.name}`] : []),
  ]
}

function parseText(text: string) {
  return { value: text }
}

/** Absent is the same as empty. */
function parseOptional(text: string) {
  return { value: text }
}

function parseHosts(text: string) {
  const hosts = text.split(',').map((host) => host.trim())
  const wrong = hosts.filter((host) => !isHost(host))
  if (wrong.length > 0) return { problem: `must be hosts in lower case, separated by commas; "${wrong[0]}" is none` }
  return { value: hosts }
}

function isHost(text: string): boolean {
  const isWritten = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$/.test(text) && !text.includes('..')
  return isWritten && URL.canParse(`https://${text}`)
}

function parseInteger(min: number, max: number) {
  return (text: string) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      return { problem: `must be an integer from ${min} to ${max}, not "${text}"` }
    }
    return { value }
  }
}

function parseChoice<T extends string>(choices: readonly T[]) {
  return (text: string) => {
    const value = choices.find((choice) => choice === text)
    return value === undefined ? { problem: `must be one of ${choices.join(', ')}, not "${text}"` } : { value }
  }
}

function parseSpan(text: string) {
  const value = parseDuration(text)
  return value === undefined ? { problem: `must be a duration as 1m30s, not "${text}"` } : { value }
}

function parseBoolean(text: string) {
  if (text !== 'true' && text !== 'false') return { problem: `must be true or false, not "${text}"` }
  return { value: text === 'true' }
}

function parseHttps(text: string) {
  if (!URL.canParse(text) || new URL(text).protocol !== 'https:')
    return { problem: `must be an https URL, not "${text}"` }
  return { value: text }
}
