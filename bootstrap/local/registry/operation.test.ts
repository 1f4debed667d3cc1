import t from 'tap'
import { printScopes } from './auth/scopes.ts'
import { parseOperation, requiredAccess } from './operation.ts'

const digest = `sha256:${'a'.repeat(64)}`

const paths: Readonly<Record<string, object | undefined>> = {
  '/v2/': { kind: 'ping' },
  '/v2/_catalog': { kind: 'catalogV2' },
  '/acr/v1/_catalog': { kind: 'catalog' },
  '/v2/app/manifests/v1': { kind: 'manifest', repository: 'app', reference: 'v1' },
  [`/v2/team/app/manifests/${digest}`]: { kind: 'manifest', repository: 'team/app', reference: digest },
  [`/v2/team%2Fapp/manifests/${digest.replace(':', '%3A')}`]: {
    kind: 'manifest',
    repository: 'team/app',
    reference: digest,
  },
  '/v2/manifests/manifests/v1': { kind: 'manifest', repository: 'manifests', reference: 'v1' },
  [`/v2/a/blobs/${digest}`]: { kind: 'blob', repository: 'a', digest },
  '/v2/a/b/c/blobs/uploads/': { kind: 'uploads', repository: 'a/b/c' },
  '/v2/a/blobs/uploads/01a2-_.=': { kind: 'upload', repository: 'a' },
  [`/v2/a/referrers/${digest}`]: { kind: 'referrers', repository: 'a', digest },
  '/v2/a/tags/list': { kind: 'tagNames', repository: 'a' },
  '/acr/v1/team%2Fapp': { kind: 'repository', repository: 'team/app' },
  '/acr/v1/team/app/_tags': { kind: 'tags', repository: 'team/app' },
  '/acr/v1/team%2Fapp/_tags/V1.0': { kind: 'tag', repository: 'team/app', tag: 'V1.0' },
  '/acr/v1/a/_manifests': { kind: 'manifests', repository: 'a' },
  [`/acr/v1/a/_manifests/${digest}`]: { kind: 'manifestProperties', repository: 'a', digest },
  '/oauth2/token': { kind: 'token' },
  '/oauth2/exchange': { kind: 'exchange' },
  '/v2/Team/manifests/v1': undefined,
  '/v2/a//b/manifests/v1': undefined,
  '/v2/../etc/manifests/v1': undefined,
  '/v2/a/manifests/-v1': undefined,
  '/v2/a/blobs/latest': undefined,
  '/v2/a%ZZ/manifests/v1': undefined,
  '/': undefined,
}

for (const [path, expected] of Object.entries(paths)) {
  t.test(`${path} is ${expected ? JSON.stringify(expected) : 'nothing'}`, async (t) => {
    t.same(parseOperation(path), expected)
  })
}

const scopes: Readonly<Record<string, string | undefined>> = {
  'GET /v2/': '',
  'GET /v2/team/app/manifests/v1': 'repository:team/app:pull',
  'HEAD /v2/team/app/manifests/v1': 'repository:team/app:pull',
  'PUT /v2/team/app/manifests/v1': 'repository:team/app:pull,push',
  [`DELETE /v2/app/manifests/${digest}`]: 'repository:app:delete',
  'POST /v2/app/blobs/uploads/': 'repository:app:pull,push',
  [`POST /v2/app/blobs/uploads/?mount=${digest}&from=other`]: 'repository:app:pull,push repository:other:pull',
  'PATCH /v2/app/blobs/uploads/1': 'repository:app:pull,push',
  'GET /v2/app/tags/list': 'repository:app:metadata_read',
  [`GET /v2/app/referrers/${digest}`]: 'repository:app:pull',
  'GET /acr/v1/app/_tags': 'repository:app:metadata_read',
  'GET /acr/v1/app/_tags/v1': 'repository:app:metadata_read',
  'PATCH /acr/v1/app/_tags/v1': 'repository:app:metadata_write',
  'DELETE /acr/v1/app/_tags/v1': 'repository:app:delete',
  'DELETE /acr/v1/app': 'repository:app:delete',
  'GET /acr/v1/_catalog': 'registry:catalog:*',
  'POST /v2/': undefined,
  'PUT /acr/v1/app/_tags/v1': undefined,
}

for (const [request, expected] of Object.entries(scopes)) {
  t.test(`${request} needs ${expected ?? 'another method'}`, async (t) => {
    const [method = '', url = ''] = request.split(' ')
    const [path = '', query = ''] = url.split('?')
    const operation = parseOperation(path)
    const access = operation && requiredAccess(operation, method, new URLSearchParams(query))
    t.equal(access && printScopes(access), expected)
  })
}
