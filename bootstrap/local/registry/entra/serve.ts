import type { SigningKey } from '../auth/keys.ts'
import { jsonAnswer, readForm } from '../http.ts'
import type { Answer, Call } from '../http.ts'
import { assertTenant, clientToken, discoveryDocument, keySet, parseAuthorityPath } from './authority.ts'
import { EntraError } from './entra-error.ts'
import type { EntraTokens } from './entra-tokens.ts'
import type { Federation } from './federation.ts'

export interface AuthorityOptions {
  readonly federation: Federation
  readonly entraTokens: EntraTokens
  readonly key: SigningKey
}

/** Serves a request to Entra ID's authority. */
export async function serveAuthority(options: AuthorityOptions, call: Call, path: string): Promise<Answer> {
  try {
    return await serve(options, call, path)
  } catch (error) {
    if (!(error instanceof EntraError)) throw error
    return {
      status: error.status,
      headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store, no-cache' },
      body: error.body(new Date(options.federation.nowMs())),
    }
  }
}

async function serve(options: AuthorityOptions, call: Call, path: string): Promise<Answer> {
  const parsed = parseAuthorityPath(path)
  if (parsed === undefined) throw new EntraError(900561, 404, 'invalid_request', 'The endpoint does not exist.')
  const { tenant, operation } = parsed
  assertTenant(tenant, options.federation.tenantId)
  assertMethod(call.method, operation === 'token' ? 'POST' : 'GET')
  if (operation === 'discovery') return jsonAnswer(200, discoveryDocument(call.origin, tenant))
  if (operation === 'keys') return jsonAnswer(200, keySet(options.key))
  const { identity, body } = await clientToken(options.federation, options.entraTokens, await readForm(call.body))
  call.onUser(identity.name)
  return jsonAnswer(200, body, { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' })
}

function assertMethod(method: string, expected: string): void {
  if (method === expected) return
  throw new EntraError(
    900561,
    405,
    'invalid_request',
    `The endpoint only accepts ${expected} requests. Received a ${method} request.`,
  )
}
