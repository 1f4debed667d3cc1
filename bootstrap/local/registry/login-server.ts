import { authorize } from './auth/authorize.ts'
import type { AuthorizeOptions } from './auth/authorize.ts'
import { exchange, token, tokenByBasic } from './auth/token-endpoint.ts'
import type { TokenAnswer, TokenEndpointOptions } from './auth/token-endpoint.ts'
import { deleteBlob, redirectToBlob, upload } from './content/blobs.ts'
import type { BlobOptions } from './content/blobs.ts'
import { deleteManifest, deleteRepository, deleteTag, getManifest, putManifest } from './content/manifests.ts'
import { listReferrers } from './content/referrers.ts'
import { notFound, unauthorized, unsupported } from './errors.ts'
import { jsonAnswer, readForm, registryHeaders } from './http.ts'
import type { Answer, Call } from './http.ts'
import { listManifests, listRepositories, listTagNames, listTags } from './metadata/lists.ts'
import { changeProperties, getProperties } from './metadata/properties.ts'
import type { Target } from './metadata/store.ts'
import { requiredAccess } from './operation.ts'
import type { Operation } from './operation.ts'

export interface LoginServerOptions extends BlobOptions, AuthorizeOptions, TokenEndpointOptions {
  readonly referrersPageSize: number
}

/** Where a request goes, beside what it says itself. */
export interface Place {
  readonly operation: Operation
  readonly path: string
  /** Where this client reaches the blob host. */
  readonly blobOrigin: string
}

/** Serves a request to the registry's login server; throws AcrError. */
export async function serveLogin(options: LoginServerOptions, call: Call, place: Place): Promise<Answer> {
  const { operation } = place
  const required = requiredAccess(operation, call.method, call.query)
  if (required === undefined) throw unsupported()
  if (operation.kind === 'exchange') return tokenAnswer(call, await exchange(options, await readForm(call.body)))
  if (operation.kind === 'token') return tokenAnswer(call, await tokenFor(options, call))
  const { authorization } = call.headers
  call.onUser(await authorize(options, { authorization, required, realm: realmOf(call) }))
  return serve(options, call, place)
}

/** The 401 that a client gets whose token has just expired; undefined where the server asks for none. */
export function expiredTokenAnswer(
  { service }: AuthorizeOptions,
  call: Call,
  operation: Operation,
): Answer | undefined {
  const required = requiredAccess(operation, call.method, call.query)
  if (required === undefined || operation.kind === 'exchange' || operation.kind === 'token') return undefined
  const { status, headers, body } = unauthorized({ realm: realmOf(call), service, required, error: 'invalid_token' })
  return { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body }
}

function realmOf(call: Call): string {
  return `${call.origin}/oauth2/token`
}

async function tokenFor(options: LoginServerOptions, call: Call): Promise<TokenAnswer> {
  if (call.method === 'GET') return tokenByBasic(options, call.query, call.headers.authorization)
  return token(options, await readForm(call.body))
}

function tokenAnswer(call: Call, { identity, body }: TokenAnswer): Answer {
  call.onUser(identity)
  return jsonAnswer(200, body)
}

async function serve(options: LoginServerOptions, call: Call, { operation, path, blobOrigin }: Place): Promise<Answer> {
  const { store, service } = options
  const { method, query } = call
  switch (operation.kind) {
    case 'ping':
      return jsonAnswer(200, {}, registryHeaders)
    case 'catalog':
    case 'catalogV2':
      return listRepositories(store, path, query)
    case 'tagNames':
      return listTagNames(store, operation.repository, query)
    case 'manifest': {
      const serveManifest = method === 'PUT' ? putManifest : method === 'DELETE' ? deleteManifest : getManifest
      return serveManifest(options, call, operation.repository, operation.reference)
    }
    case 'referrers':
      if (!options.hasReferrersApi) throw notFound()
      return listReferrers(store, options.referrersPageSize, operation.repository, operation.digest, query)
    case 'blob':
      if (method === 'DELETE') return deleteBlob(options, call, operation.repository, operation.digest)
      return redirectToBlob(options, call, { ...operation, origin: blobOrigin })
    case 'uploads':
    case 'upload':
      return upload(options, call, operation.repository, path)
    case 'tags':
      return listTags(store, service, operation.repository, query)
    case 'manifests':
      return listManifests(store, service, operation.repository, query)
    case 'repository':
      if (method === 'DELETE') return deleteRepository(options, call, operation.repository)
      return serveProperties(options, call, operation.repository, { kind: 'repository' })
    case 'tag':
      if (method === 'DELETE') return deleteTag(options, call, operation.repository, operation.tag)
      return serveProperties(options, call, operation.repository, { kind: 'tag', name: operation.tag })
    case 'manifestProperties':
      if (method === 'DELETE') return deleteManifest(options, call, operation.repository, operation.digest)
      return serveProperties(options, call, operation.repository, { kind: 'manifest', digest: operation.digest })
    case 'exchange':
    case 'token':
      break
  }
  throw notFound()
}

async function serveProperties(
  { store, service }: LoginServerOptions,
  call: Call,
  repository: string,
  target: Target,
): Promise<Answer> {
  if (call.method === 'PATCH') return changeProperties(store, service, call, repository, target)
  return getProperties(store, service, repository, target)
}
