import t from 'tap'
import { isFieldConflict, parseRefusal, refusalError } from './refusal.ts'

const tenant = { namespace: 'predictor', serviceAccountName: 'deployer' }
const apply = { what: 'apply Deployment predictor/web', isWrite: true, tenant }
const own = { what: 'write status of Delivery predictor/web', isWrite: true }
const ownRead = { what: 'list /api/v1/namespaces', isWrite: false }

function status(fields: object): string {
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', ...fields })
}

const deployer = 'system:serviceaccount:predictor:deployer'

const cases: ReadonlyArray<{
  readonly name: string
  readonly code: number
  readonly body?: object
  readonly request?: typeof apply | typeof own | typeof ownRead
  readonly error: object
}> = [
  {
    name: 'we may not impersonate the account',
    code: 403,
    body: {
      reason: 'Forbidden',
      message:
        'serviceaccounts "deployer" is forbidden: User "x" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "predictor"',
    },
    error: { kind: 'waiting', reason: 'Impersonation', message: /let the reconciler impersonate this account/ },
  },
  {
    name: 'the account lacks a right',
    code: 403,
    body: {
      reason: 'Forbidden',
      message: `deployments.apps "web" is forbidden: User "${deployer}" cannot patch resource "deployments" in API group "apps" in the namespace "predictor"`,
    },
    error: { kind: 'waiting', reason: 'Impersonation', message: /grant it to the account by a Role in namespace/ },
  },
  {
    name: 'a quota, or another admission, says no',
    code: 403,
    body: { reason: 'Forbidden', message: 'services "web" is forbidden: exceeded quota: small' },
    error: { kind: 'waiting', reason: 'ApplyRefused', message: /exceeded quota/ },
  },
  {
    name: 'a webhook of the cluster does not answer: the API server itself is well',
    code: 500,
    body: {
      reason: 'InternalError',
      message:
        'Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: connection refused',
    },
    error: { kind: 'retryable', reason: 'WebhookFailed', message: /policy\.example\.com/ },
  },
  {
    name: 'our own right is missing',
    code: 403,
    request: ownRead,
    error: { kind: 'waiting', reason: 'ApiForbidden' },
  },
  { name: 'our token is refused', code: 401, error: { kind: 'waiting', reason: 'ApiForbidden' } },
  { name: 'the kind is not served', code: 404, error: { kind: 'waiting', reason: 'ApplyRefused' } },
  {
    name: 'what we write to is gone',
    code: 404,
    request: own,
    error: { kind: 'retryable', reason: 'ApiConflict' },
  },
  {
    name: 'what we list is not served',
    code: 404,
    request: ownRead,
    error: { kind: 'waiting', reason: 'ApiUnavailable' },
  },
  {
    name: 'another write came first',
    code: 409,
    body: { reason: 'Conflict', message: 'the object has been modified' },
    error: { kind: 'retryable', reason: 'ApiConflict' },
  },
  {
    name: 'another manager holds a field',
    code: 409,
    body: { reason: 'Conflict', details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.a' }] } },
    error: { kind: 'waiting', reason: 'FieldConflict' },
  },
  {
    name: 'an immutable field',
    code: 422,
    body: { reason: 'Invalid', details: { causes: [{ reason: 'FieldValueInvalid', field: 'spec.selector' }] } },
    error: { kind: 'terminal', reason: 'ApplyRefused' },
  },
  {
    name: 'an object that was made anew since we read it',
    code: 422,
    body: { reason: 'Invalid', details: { causes: [{ reason: 'FieldValueInvalid', field: 'metadata.uid' }] } },
    error: { kind: 'retryable', reason: 'ApiConflict' },
  },
  { name: 'strict decoding', code: 400, error: { kind: 'terminal', reason: 'ApplyRefused' } },
  { name: 'too large', code: 413, error: { kind: 'terminal', reason: 'ApplyRefused' } },
  {
    name: 'a field that the schema does not know',
    code: 500,
    body: {
      message: 'failed to create typed patch object (a/b; apps/v1, Kind=Deployment): .spec.x: field not declared',
    },
    error: { kind: 'terminal', reason: 'ApplyRefused' },
  },
  {
    name: 'an internal error',
    code: 500,
    body: { reason: 'InternalError', message: 'etcdserver: request timed out' },
    error: { kind: 'retryable', reason: 'ApiUnavailable' },
  },
  {
    name: 'our own request is wrong',
    code: 422,
    request: own,
    error: { kind: 'retryable', reason: 'InternalError' },
  },
  {
    name: 'asked to slow down in the body',
    code: 429,
    body: { details: { retryAfterSeconds: 3 } },
    error: { kind: 'retryable', reason: 'ApiUnavailable', retryAfterMs: 3000 },
  },
  { name: 'gone', code: 410, error: { kind: 'retryable', reason: 'ApiUnavailable' } },
  { name: 'timed out', code: 504, error: { kind: 'retryable', reason: 'ApiUnavailable' } },
]

t.test('what a refusal means', async (t) => {
  for (const { name, code, body = { message: 'no' }, request = apply, error } of cases) {
    const actual = refusalError(parseRefusal(code, status(body)), request)
    t.match(actual, error, name)
    t.ok(actual.message.startsWith(request.what), 'the message says what was asked')
  }
})

t.test('a message says as whom it was asked', (t) => {
  t.match(refusalError(parseRefusal(409, ''), apply).message, `predictor/web as ${deployer}: `)
  t.notMatch(refusalError(parseRefusal(409, ''), own).message, / as /)
  t.end()
})

t.test('a body that is no Status is quoted, on one line and cut', (t) => {
  t.equal(parseRefusal(404, '404 page not found\n').message, '404 page not found')
  t.equal(parseRefusal(502, '').message, 'no reason given')
  t.equal(parseRefusal(502, '<html>\n  <body>').message, '<html> <body>')
  t.equal(parseRefusal(422, status({ message: 'y'.repeat(9000) })).message.length, 1024)
  t.equal(parseRefusal(200, 'null').message, 'null')
  t.end()
})

t.test('Retry-After counts where it is a number of seconds, and is bounded', (t) => {
  t.equal(parseRefusal(429, '', '30').retryAfterMs, 30_000)
  t.equal(parseRefusal(429, '', '86400').retryAfterMs, 300_000)
  for (const text of ['0', '-1', 'soon', '', null, undefined]) {
    t.equal(parseRefusal(429, '', text).retryAfterMs, undefined, String(text))
  }
  t.end()
})

t.test('a conflict of field managers is told from one of versions', (t) => {
  const causes = [{ reason: 'FieldManagerConflict', message: 'conflict with "argocd"', field: '.data.a' }]
  const refusal = parseRefusal(409, status({ details: { causes } }))
  t.ok(isFieldConflict(refusal))
  t.same(refusal.causes, causes)
  t.notOk(isFieldConflict(parseRefusal(409, status({ reason: 'Conflict' }))))
  t.end()
})
