import { Pool } from 'undici'
import type { ActiveFault, FaultInput } from './faults.ts'
import type { LoggedRequest, RequestQuery } from './request-log.ts'

/** Where a registry's admin API listens, as in its configuration. */
export type AdminAddress = { readonly socket: string } | { readonly port: number }

/** The admin API of a registry in another process; see admin.ts. Every call rejects when it is not answered well. */
export interface RegistryAdmin {
  /** Returns the fault's id. */
  addFault(fault: FaultInput): Promise<string>
  clearFault(id: string): Promise<void>
  clearFaults(): Promise<void>
  faults(): Promise<readonly ActiveFault[]>
  requests(query?: RequestQuery): Promise<readonly LoggedRequest[]>
  /** Number of the request that came last, for `after` in a later query. */
  lastRequest(): Promise<number>
  isReady(): Promise<boolean>
  close(): Promise<void>
}

export function connectRegistryAdmin(address: AdminAddress): RegistryAdmin {
  const pool =
    'socket' in address
      ? new Pool('http://localhost', { socketPath: address.socket })
      : new Pool(`http://127.0.0.1:${address.port}`)
  const ask = (method: string, path: string, body?: unknown): Promise<unknown> => call(pool, method, path, body)
  return {
    addFault: async (fault) => ((await ask('POST', '/faults', fault)) as { id: string }).id,
    clearFault: async (id) => void (await ask('DELETE', `/faults/${id}`)),
    clearFaults: async () => void (await ask('DELETE', '/faults')),
    faults: async () => ((await ask('GET', '/faults')) as { faults: readonly ActiveFault[] }).faults,
    requests: async (query = {}) =>
      ((await ask('GET', `/requests?${queryOf(query)}`)) as { requests: readonly LoggedRequest[] }).requests,
    lastRequest: async () => ((await ask('GET', '/requests?path=^$')) as { last: number }).last,
    async isReady() {
      try {
        await ask('GET', '/healthz')
        return true
      } catch {
        // Not there yet, or not any more: both are an answer.
        return false
      }
    },
    close: () => pool.close(),
  }
}

async function call(pool: Pool, method: string, path: string, body: unknown): Promise<unknown> {
  const answer = await pool.request({
    method,
    path,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const text = await answer.body.text()
  if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

function queryOf(query: RequestQuery): string {
  const parameters = Object.entries(query).map(([name, value]) => [name, String(value)] as [string, string])
  return new URLSearchParams(parameters).toString()
}
