import t from 'tap'
import { AppError } from '../core/errors.ts'
import { createLog, type LogLevel } from './log.ts'

const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

t.test('a line is one JSON object with level, time, message and fields', async (t) => {
  const { log, lines } = capture()

  log.child({ delivery: 'team/web' }).info({ revision: 'abc', durationMs: 12 }, 'release ready')

  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 'info',
    message: 'release ready',
    delivery: 'team/web',
    revision: 'abc',
    durationMs: 12,
    time: /^\d{4}-\d\d-\d\dT/,
  })
})

t.test('what is below the level is not written', async (t) => {
  const { log, lines } = capture('warn')

  log.info({}, 'unheard')
  log.warn({}, 'heard')

  t.match(
    lines.map((line) => JSON.parse(line) as unknown),
    [{ message: 'heard' }],
  )
})

t.test('an error of ours tells its kind, reason and cause', async (t) => {
  const { log, lines } = capture()
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

  log.warn(
    { err: new AppError({ kind: 'retryable', reason: 'RegistryUnavailable', message: 'no answer', cause }) },
    'poll failed',
  )

  t.match(JSON.parse(lines[0] ?? ''), {
    err: {
      kind: 'retryable',
      reason: 'RegistryUnavailable',
      message: 'no answer',
      cause: { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
    },
  })
})

t.test('no secret is written, wherever it stands', async (t) => {
  const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ='
  const foreign = Object.assign(new Error(`HTTP-Code: 401\nBody: ${secret}\nHeaders: ${secret}`), {
    body: secret,
    headers: { authorization: `Bearer ${secret}` },
    request: { headers: { Authorization: secret } },
  })
  const wrapped = new AppError({ kind: 'waiting', reason: 'RegistryForbidden', message: 'refused', cause: foreign })
  const places: Record<string, Record<string, unknown>> = {
    'in a field of that name': { token: secret },
    'in a field one deep': { headers: { authorization: secret } },
    'in a field two deep': { request: { headers: { Authorization: secret } } },
    'in the properties of a foreign error': { err: foreign },
    'in the cause of our own error': { err: wrapped },
    'in a text, as a header': { note: `sent Authorization: Bearer ${secret}` },
    'in a text, as a token': { note: `got ${jwt}` },
    'in an address': { note: `GET https://x.blob/y?sig=${secret}&sv=1` },
  }
  for (const [place, fields] of Object.entries(places)) {
    const { log, lines } = capture()

    log.error(fields, 'something failed')

    const line = lines.join('')
    t.notOk(line.includes(secret) || line.includes(jwt), place)
    t.match(JSON.parse(line), { message: 'something failed' }, `${place}: the rest is still told`)
  }
})

t.test('what is thrown and is no error is told by its kind', async (t) => {
  const { log, lines } = capture()

  log.error({ err: { password: 'x' } }, 'bug')
  log.error({ err: 'odd' }, 'bug')

  t.match(
    lines.map((line) => JSON.parse(line) as unknown),
    [{ err: { message: 'object' } }, { err: { message: 'odd' } }],
  )
})

t.test('causes that go round in a circle end', async (t) => {
  const { log, lines } = capture()
  const first = new Error('first')
  first.cause = new Error('second', { cause: first })

  log.error({ err: first }, 'bug')

  t.equal(lines.length, 1)
})

function capture(level: LogLevel = 'debug') {
  const lines: string[] = []
  return { lines, log: createLog({ level, destination: { write: (line) => void lines.push(line) } }) }
}
