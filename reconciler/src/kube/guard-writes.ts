import { AppError } from '../core/errors.ts'
import type { KubeClient, KubeRequest } from './client.ts'
import type { Leadership } from './ports.ts'

/**
 * The same client, but every write needs the lease: it is looked at by the clock just before the request is sent, for a
 * process that was stopped may run on before its timers fire, and the request ends with the term. Reads and dry runs
 * change nothing and are let through.
 */
export function guardWrites(client: KubeClient, leadership: Leadership): KubeClient {
  function guard(request: KubeRequest): KubeRequest {
    if (request.method === 'GET' || request.query?.['dryRun'] === 'All') return request
    if (!leadership.isLeader) {
      throw new AppError({
        kind: 'aborted',
        reason: 'LeaseLost',
        message: `${request.what}: this replica does not lead`,
      })
    }
    return { ...request, signal: AbortSignal.any([request.signal, leadership.signal]) }
  }
  return {
    send: async (request) => client.send(guard(request)),
    request: async (request) => client.request(guard(request)),
    stream: async (request) => client.stream(guard(request)),
  }
}
