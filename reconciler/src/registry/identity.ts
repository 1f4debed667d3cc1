import type { HttpClient } from '@azure/core-rest-pipeline'
import { WorkloadIdentityCredential, type TokenCredential } from '@azure/identity'
import type { Dispatcher } from 'undici'
import { AppError } from '../core/errors.ts'
import { exchange, type Answer } from './bounded-http.ts'
import { toBoundedRequest, toPipelineResponse } from './sdk-transport.ts'
import { statusError, translateError, type Attempt } from './translate-error.ts'

/** What the AKS workload identity webhook puts into a pod's environment (AZURE_…), and what only we know. */
export interface WorkloadIdentity {
  readonly clientId: string
  readonly tenantId: string
  readonly tokenFilePath: string
  /** `https://login.microsoftonline.com/` in Azure's public cloud. */
  readonly authorityHost: string
  /** For an authority that Microsoft's own directory of clouds does not know. */
  readonly disableInstanceDiscovery?: boolean
}

export interface IdentityWire {
  readonly dispatcher: Dispatcher
  readonly timeoutMs: number
  readonly lifetime: AbortSignal
}

const maxBodyBytes = 1024 * 1024

/**
 * The pod's service account token for an Entra ID token. The token file is read anew by each credential and then every
 * five minutes, the kubelet replaces it long before it expires. Errors of Entra ID leave here translated, for the
 * libraries above keep neither status nor cause.
 */
export function createWorkloadIdentityCredential(identity: WorkloadIdentity, wire: IdentityWire): TokenCredential {
  const { clientId, tenantId, tokenFilePath, authorityHost, disableInstanceDiscovery = false } = identity
  const attempt: Attempt = {
    host: new URL(authorityHost).host,
    action: `get a token for client ${clientId} of tenant ${tenantId}`,
  }
  const transport = new IdentityTransport(attempt, wire)
  const credential = new WorkloadIdentityCredential({
    clientId,
    tenantId,
    tokenFilePath,
    authorityHost,
    disableInstanceDiscovery,
    httpClient: transport,
    retryOptions: { maxRetries: 0 },
  })
  return {
    async getToken(scopes, options) {
      try {
        return await credential.getToken(scopes, options)
      } catch (error) {
        throw transport.takeFailure() ?? translateCredentialError(error, attempt, tokenFilePath, wire.lifetime)
      }
    },
  }
}

/** Remembers what went wrong on the wire: MSAL turns it into a text of its own. */
class IdentityTransport implements HttpClient {
  readonly #attempt: Attempt
  readonly #wire: IdentityWire
  #failure: AppError | undefined

  constructor(attempt: Attempt, wire: IdentityWire) {
    this.#attempt = attempt
    this.#wire = wire
  }

  readonly sendRequest: HttpClient['sendRequest'] = async (request) => {
    const { dispatcher, timeoutMs, lifetime } = this.#wire
    const bounded = toBoundedRequest(request, maxBodyBytes, lifetime)
    try {
      const answer = await exchange(dispatcher, { ...bounded, timeoutMs })
      this.#failure = answer.status < 400 ? undefined : refusal(this.#attempt, answer)
      return toPipelineResponse(request, answer)
    } catch (error) {
      this.#failure = translateError(error, this.#attempt, lifetime)
      throw error
    }
  }

  takeFailure(): AppError | undefined {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }
}

/** Entra ID answers 400 as often as 401 where it refuses; its AADSTS number says why, and is no secret. */
function refusal(attempt: Attempt, { status, headers, body }: Answer): AppError {
  if (status >= 500 || status === 429 || status === 408) return statusError(attempt, status, headers)
  const [code = `status ${status}`] = /AADSTS\d+/.exec(body.toString('utf8')) ?? []
  return new AppError({
    kind: 'waiting',
    reason: 'RegistryUnauthorized',
    message: `can't ${attempt.action}: ${attempt.host} refused (${code}); check the federated credential and its subject`,
  })
}

function translateCredentialError(
  error: unknown,
  attempt: Attempt,
  tokenFilePath: string,
  lifetime: AbortSignal,
): AppError {
  if (!isFileProblem(error)) return translateError(error, attempt, lifetime)
  return new AppError({
    kind: 'waiting',
    reason: 'RegistryUnauthorized',
    message: `can't ${attempt.action}: no service account token in ${tokenFilePath}; is the pod labelled azure.workload.identity/use?`,
  })
}

/** MSAL wraps what the credential throws while it reads the file, once or twice. */
function isFileProblem(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { syscall } = error as NodeJS.ErrnoException
  return (
    error.name === 'CredentialUnavailableError' ||
    syscall === 'open' ||
    syscall === 'read' ||
    isFileProblem(error.cause)
  )
}
