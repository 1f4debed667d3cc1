/** Requests drawn from the predictor's own OpenAPI document, good and bad ones, by a program that judges the answers. */
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import t from 'tap'
import { ensurePythonEnvironment } from '../../bootstrap/local/python-environment.ts'
import { run } from '../../bootstrap/local/run.ts'
import { openApp } from './testing.ts'

t.setTimeout(900_000)

/** `FUZZ_SEED=2 npm run test:api -- predictor/src/fuzzed.api.ts` draws others. */
const seed = process.env['FUZZ_SEED'] ?? '1'
/** Of each operation; most have no parameter, and so few requests that differ. */
const mostExamples = 300
/** A symbol that is well-formed and not in the catalogue is refused, which a schema can not say; a URL may be too long. */
const settings = `
[checks.positive_data_acceptance]
enabled = false
[checks.negative_data_rejection]
expected-statuses = [400, 404, 405, 414, 422, 431]
`

t.test('no request drawn from the document is answered with 5xx, or with what is not documented', async (t) => {
  const bin = await ensurePythonEnvironment('schemathesis', { onStep: (step) => t.comment(step) })
  const registry = new Registry()
  const app = await openApp(t, { registry })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo

  const flags = ['--seed', seed, '--max-examples', String(mostExamples), '--continue-on-failure']
  const { exitCode, stdout } = await run(
    join(bin, 'schemathesis'),
    ['run', `http://127.0.0.1:${port}/openapi.json`, ...flags],
    // It reads its settings where it runs, and leaves what it found there.
    { cwd: t.testdir({ 'schemathesis.toml': settings }), env: { TERM: 'dumb', FORCE_COLOR: '' }, accept: [1] },
  )
  t.equal(exitCode, 0, stdout.slice(stdout.indexOf('= FAILURES =')))

  const drawn = Number(/(\d+) generated/.exec(stdout)?.[1])
  t.ok(drawn > mostExamples, `${drawn} requests were drawn`)
  const document = (await app.inject('/openapi.json')).json<OpenApi>()
  const answered = await answeredOf(registry)
  const odd = answered.filter(({ method, route, status }) => !isExpected(document, method, route, status))
  t.same(odd, [], 'by our own count, too')
  const statuses = [...new Set(answered.map(({ status }) => status))].sort()
  t.ok(
    ['200', '400', '405', '422'].every((status) => statuses.includes(status)),
    'both sides of the contract were met',
  )
  t.comment(`told: ${drawn} requests drawn with seed ${seed}, answered with ${statuses.join(', ')}`)
})

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: object } | undefined>>>>
}

interface Answered {
  readonly method: string
  readonly route: string
  readonly status: string
}

async function answeredOf(registry: Registry): Promise<readonly Answered[]> {
  const metric = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'http_requests_total')
  const counted = (metric?.values ?? []).filter(({ value }) => value > 0)
  return counted.map(({ labels: { method, route, status } }) => ({
    method: String(method),
    route: String(route),
    status: String(status),
  }))
}

/** The document tells nothing of requests that reach no operation, nor of the document itself. */
function isExpected({ paths }: OpenApi, method: string, route: string, status: string): boolean {
  // Of any operation the document names what is refused before it is a request, which is counted without a route.
  if (route === 'unmatched') return ['400', '404', '405', '408', '431'].includes(status)
  if (route === '/openapi.json') return status === '200'
  return status in (paths[route]?.[method === 'HEAD' ? 'get' : method.toLowerCase()]?.responses ?? {})
}
