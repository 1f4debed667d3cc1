import { catalogAccess, repositoryAccess } from './auth/scopes.ts'
import type { Access } from './auth/scopes.ts'
import type { RepositoryAction } from './config.ts'

/**
 * What a path of the login server names. Repository names hold slashes, either as they are (containerd, buildah) or
 * percent-encoded (the Azure SDK), and the fixed parts of the path stand after them, so a router of segments can't
 * tell them apart.
 */
export type Operation =
  | { readonly kind: 'ping' | 'catalog' | 'catalogV2' | 'exchange' | 'token'; readonly repository?: undefined }
  | {
      readonly kind: 'tagNames' | 'uploads' | 'upload' | 'repository' | 'tags' | 'manifests'
      readonly repository: string
    }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'referrers' | 'blob' | 'manifestProperties'; readonly repository: string; readonly digest: string }
  | { readonly kind: 'tag'; readonly repository: string; readonly tag: string }

/** Undefined for a path that the login server does not have, and for a repository, tag or digest that can't exist. */
export function parseOperation(path: string): Operation | undefined {
  const decoded = decode(path)
  if (decoded === undefined) return undefined
  const fixed = fixedPaths[decoded]
  if (fixed !== undefined) return { kind: fixed }
  for (const [pattern, build] of patterns) {
    const groups = pattern.exec(decoded)?.groups
    if (groups !== undefined) return build(groups)
  }
  return undefined
}

/**
 * What a token must allow for a request; undefined where the operation does not answer to the method. The actions are
 * those of ACR's own challenges; which permission gives which is in
 * https://learn.microsoft.com/azure/container-registry/container-registry-token-based-repository-permissions
 */
export function requiredAccess(
  operation: Operation,
  method: string,
  query: URLSearchParams,
): readonly Access[] | undefined {
  const actions = actionsByMethod[operation.kind][method]
  if (actions === undefined) return undefined
  if (actions === 'list repositories') return [catalogAccess]
  if (operation.repository === undefined) return []
  const access = repositoryAccess(operation.repository, ...actions)
  // Mounting a blob reads from another repository: https://distribution.github.io/distribution/spec/auth/scope/
  const from = operation.kind === 'uploads' && query.has('mount') ? query.get('from') : null
  return from === null ? [access] : [access, repositoryAccess(from, 'pull')]
}

/** Whether a reference is a digest, and so not a tag. */
export function isDigest(reference: string): boolean {
  return reference.includes(':')
}

type Actions = readonly RepositoryAction[] | 'list repositories'

const actionsByMethod: Readonly<Record<Operation['kind'], Readonly<Record<string, Actions>>>> = {
  ping: { GET: [], HEAD: [] },
  exchange: { POST: [] },
  token: { GET: [], POST: [] },
  catalog: { GET: 'list repositories' },
  catalogV2: { GET: 'list repositories' },
  manifest: { GET: ['pull'], HEAD: ['pull'], PUT: ['pull', 'push'], DELETE: ['delete'] },
  blob: { GET: ['pull'], HEAD: ['pull'], DELETE: ['delete'] },
  referrers: { GET: ['pull'] },
  uploads: { POST: ['pull', 'push'] },
  upload: { GET: ['pull', 'push'], PATCH: ['pull', 'push'], PUT: ['pull', 'push'], DELETE: ['pull', 'push'] },
  tagNames: { GET: ['metadata_read'] },
  tags: { GET: ['metadata_read'] },
  manifests: { GET: ['metadata_read'] },
  repository: { GET: ['metadata_read'], PATCH: ['metadata_write'], DELETE: ['delete'] },
  tag: { GET: ['metadata_read'], PATCH: ['metadata_write'], DELETE: ['delete'] },
  manifestProperties: { GET: ['metadata_read'], PATCH: ['metadata_write'], DELETE: ['delete'] },
}

const fixedPaths: Readonly<Record<string, 'ping' | 'catalog' | 'catalogV2' | 'exchange' | 'token'>> = {
  '/v2/': 'ping',
  '/v2': 'ping',
  '/v2/_catalog': 'catalogV2',
  '/acr/v1/_catalog': 'catalog',
  '/oauth2/exchange': 'exchange',
  '/oauth2/token': 'token',
}

// The grammar of names, tags and digests is the OCI distribution specification's ("Pulling manifests", v1.1).
const part = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const repository = `(?<repository>${part}(?:/${part})*)`
const tag = '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'
const digest = '[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+'

type Build = (groups: Readonly<Record<string, string>>) => Operation

const patterns: readonly (readonly [RegExp, Build])[] = [
  [path(`/v2/${repository}/tags/list`), at('tagNames')],
  [path(`/v2/${repository}/manifests/(?<reference>${digest}|${tag})`), reference],
  [path(`/v2/${repository}/referrers/(?<digest>${digest})`), atDigest('referrers')],
  [path(`/v2/${repository}/blobs/uploads/?`), at('uploads')],
  [path(`/v2/${repository}/blobs/uploads/[a-zA-Z0-9-_.=]+`), at('upload')],
  [path(`/v2/${repository}/blobs/(?<digest>${digest})`), atDigest('blob')],
  [path(`/acr/v1/${repository}/_tags`), at('tags')],
  [
    path(`/acr/v1/${repository}/_tags/(?<tag>${tag})`),
    ({ repository = '', tag = '' }) => ({ kind: 'tag', repository, tag }),
  ],
  [path(`/acr/v1/${repository}/_manifests`), at('manifests')],
  [path(`/acr/v1/${repository}/_manifests/(?<digest>${digest})`), atDigest('manifestProperties')],
  [path(`/acr/v1/${repository}`), at('repository')],
]

function path(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`)
}

function at(kind: 'tagNames' | 'uploads' | 'upload' | 'repository' | 'tags' | 'manifests'): Build {
  return ({ repository = '' }) => ({ kind, repository })
}

function atDigest(kind: 'referrers' | 'blob' | 'manifestProperties'): Build {
  return ({ repository = '', digest = '' }) => ({ kind, repository, digest })
}

function reference({ repository = '', reference = '' }: Record<string, string>): Operation {
  return { kind: 'manifest', repository, reference }
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    // Not a percent-encoding: no path of ours.
    return undefined
  }
}
