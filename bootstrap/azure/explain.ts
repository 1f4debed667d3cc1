import type { Call } from '../calls/call.ts'
import { commandLine } from '../calls/call.ts'
import { lastLines, type CommandFailed } from '../local/run.ts'
import type { AzureEnvironment } from './environment.ts'
import type { ProblemText } from '../calls/problem.ts'

interface KnownFailure {
  readonly pattern: RegExp
  readonly programs?: readonly Call['program'][]
  readonly mend: (environment: AzureEnvironment) => string
}

const noAnswer =
  /i\/o timeout|connection refused|no such host|TLS handshake timeout|getaddrinfo|ECONN|Max retries exceeded/i

/**
 * What programs say when they fail, and what helps. Codes are those of Azure Resource Manager's errors
 * (https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors), of AKS
 * (https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/error-codes), and of the programs themselves.
 */
const knownFailures: readonly KnownFailure[] = [
  {
    pattern: /az login|AADSTS\d+|refresh token has expired/i,
    mend: ({ config }) => `the login has ended or does not suffice: az login --tenant ${config.tenantId}`,
  },
  {
    pattern: /gh auth login|HTTP 40[134]/,
    programs: ['gh'],
    mend: () =>
      'gh auth login as an administrator of the repository, or leave --github set out: the variables are printed then',
  },
  {
    pattern: /AuthorizationFailed|does not have authorization|AuthorizationPermissionMismatch|\b403\b/,
    programs: ['az', 'terraform', 'tofu'],
    mend: ({ config }) =>
      `be Owner of subscription ${config.subscriptionId} (or have an owner type this); ` +
      'a role that was given a moment ago takes up to ten minutes to be known everywhere: type the same again then',
  },
  {
    pattern: /MissingSubscriptionRegistration/,
    mend: () => 'a resource provider is not registered yet, which may take minutes: type the same again',
  },
  {
    pattern: /StorageAccountAlreadyTaken|already taken/,
    mend: ({ file }) => `the name belongs to somebody else: choose another state.storageAccountName in ${file}`,
  },
  {
    pattern: /AlreadyInUse|NameAlreadyExists|NameNotAvailable/,
    mend: ({ file }) => `the name belongs to somebody else: choose another nameSuffix in ${file}`,
  },
  {
    pattern: /QuotaExceeded|InsufficientVCPUQuota|exceeding approved .* quota/i,
    mend: ({ config }) =>
      `ask for more vCPUs in ${config.location} (https://portal.azure.com, Quotas), or override the pools' vmSize and ` +
      'minCount in the environment',
  },
  {
    pattern: /SkuNotAvailable|VMSizeNotSupported|NotAvailableForSubscription/i,
    mend: ({ config, file }) =>
      `${config.location} has not that size or zone for you: override vmSize or zones in ${file}`,
  },
  {
    pattern: /Error acquiring the state lock|state blob is already locked/,
    programs: ['terraform', 'tofu'],
    mend: () =>
      'another run holds the state: wait for its end. Where it was killed, break its lock with the ID that stands above: ' +
      'terraform force-unlock ID, in the folder of the stack',
  },
  {
    pattern: /RequestDisallowedByPolicy/,
    mend: () => "a policy of your organisation forbids it: have its owner exempt the environment's resource groups",
  },
  {
    pattern: /ScopeLocked|Instance cannot be destroyed/,
    mend: () =>
      'a lock protects it: set protection.deleteLocks to false in the environment, apply, then type the same again',
  },
  { pattern: /TooManyRequests|\b429\b/, mend: () => 'Azure asks for patience: type the same again in some minutes' },
  {
    pattern: /forbidden|Unauthorized/i,
    programs: ['kubectl', 'helm'],
    mend: ({ config }) =>
      `be a member of an administrators' group (${config.adminGroupObjectIds.join(', ')}); a login from before that ` +
      'does not know it: az logout, az login',
  },
  {
    pattern: noAnswer,
    programs: ['kubectl', 'helm'],
    mend: ({ file }) =>
      'the API server does not answer this machine: add its address to cluster.authorizedIpRanges in ' +
      `${file}, or run this from within the network where the cluster is private`,
  },
  {
    pattern: noAnswer,
    mend: () => 'the network did not answer: look at it, then type the same again',
  },
  {
    pattern: /could not be run: .*ENOENT/,
    mend: () => 'the program is not on PATH: install it',
  },
]

/** What a failed call means to a person. */
export function explain(error: CommandFailed, call: Call, environment: AzureEnvironment): ProblemText {
  const said = error.stderr || error.stdout || error.message
  const known = knownFailures.find(
    ({ pattern, programs }) => (programs?.includes(call.program) ?? true) && pattern.test(`${error.message}\n${said}`),
  )
  const mend =
    known?.mend(environment) ?? 'read what it says; every call with its answer is in the log. Then type the same again'
  return {
    what: commandLine(call),
    why:
      error.exitCode === undefined
        ? 'it could not be run, or was ended'
        : `ended with ${error.exitCode}: ${lastLines(said, 12)}`,
    mend,
  }
}
