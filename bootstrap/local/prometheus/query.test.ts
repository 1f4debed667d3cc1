import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import t from 'tap'
import { queryPrometheus } from './query.ts'

/** Answers every request with the same text, and records what was asked. */
async function serverWith(t: Test, status: number, answer: unknown): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`)
      response.writeHead(status).end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

function success(resultType: string, result: unknown): object {
  return { status: 'success', data: { resultType, result } }
}

t.test('a vector becomes samples', async (t) => {
  const { url, asked } = await serverWith(
    t,
    200,
    success('vector', [
      { metric: { __name__: 'up', pod: 'a' }, value: [1764000000.5, '1'] },
      { metric: { pod: 'b' }, value: [1764000000.5, '+Inf'] },
      { metric: { pod: 'c' }, value: [1764000000.5, '-Inf'] },
      { metric: { pod: 'd' }, value: [1764000000.5, 'NaN'] },
    ]),
  )

  t.same(await queryPrometheus(url, 'up{pod=~"a|b"} + 1'), [
    { labels: { __name__: 'up', pod: 'a' }, value: 1, time: 1764000000.5 },
    { labels: { pod: 'b' }, value: Infinity, time: 1764000000.5 },
    { labels: { pod: 'c' }, value: -Infinity, time: 1764000000.5 },
    { labels: { pod: 'd' }, value: NaN, time: 1764000000.5 },
  ])
  t.same(asked, ['POST /api/v1/query query=up%7Bpod%3D%7E%22a%7Cb%22%7D+%2B+1'])
})

t.test('nothing found is no sample', async (t) => {
  const { url } = await serverWith(t, 200, success('vector', []))

  t.same(await queryPrometheus(url, 'absent'), [])
})

t.test('a scalar is one sample without labels', async (t) => {
  const { url } = await serverWith(t, 200, success('scalar', [1, '42']))

  t.same(await queryPrometheus(url, '42'), [{ labels: {}, value: 42, time: 1 }])
})

const failures: Record<string, [status: number, answer: unknown, message: RegExp]> = {
  'a query that is not well-formed': [
    400,
    { status: 'error', errorType: 'bad_data', error: 'unexpected end of input' },
    /up\(: bad_data: unexpected end of input/,
  ],
  'a query that yields a matrix': [200, success('matrix', []), /yields a matrix/],
  'an answer that is not from Prometheus': [502, '<html>', /answered 502, which is no answer of Prometheus/],
  'an answer of another shape': [
    200,
    success('vector', [{ metric: { pod: 1 }, value: [1, '1'] }]),
    /which is no answer of Prometheus/,
  ],
}

for (const [name, [status, answer, message]] of Object.entries(failures)) {
  t.test(`${name} is an error`, async (t) => {
    const { url } = await serverWith(t, status, answer)

    await t.rejects(queryPrometheus(url, 'up('), { name: 'PrometheusQueryFailed', message })
  })
}
