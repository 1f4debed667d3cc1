import type { Static } from 'typebox'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { request } from 'undici'

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Seconds since the epoch. */
  readonly time: number
}

/** Prometheus did not answer a query with samples: it is not well-formed, took too long, or yields something else. */
export class PrometheusQueryFailed extends Error {
  override readonly name = 'PrometheusQueryFailed'
}

const Point = Type.Tuple([Type.Number(), Type.String()])
const Answer = Type.Union([
  Type.Object({
    status: Type.Literal('success'),
    data: Type.Union([
      Type.Object({
        resultType: Type.Literal('vector'),
        result: Type.Array(Type.Object({ metric: Type.Record(Type.String(), Type.String()), value: Point })),
      }),
      Type.Object({ resultType: Type.Literal('scalar'), result: Point }),
      Type.Object({ resultType: Type.Union([Type.Literal('matrix'), Type.Literal('string')]) }),
    ]),
  }),
  Type.Object({ status: Type.Literal('error'), errorType: Type.String(), error: Type.String() }),
])

/**
 * Instant query, as of now: the samples of a vector, or one sample without labels for a scalar.
 * See https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
 */
export async function queryPrometheus(
  url: string,
  promql: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly Sample[]> {
  const { statusCode, body } = await request(new URL('/api/v1/query', url), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ query: promql }).toString(),
    headersTimeout: 10_000,
    bodyTimeout: 10_000,
    ...(options.signal && { signal: options.signal }),
  })
  const text = await body.text()
  const answer = parseAnswer(text)
  if (answer === undefined) {
    throw new PrometheusQueryFailed(`${promql}: ${url} answered ${statusCode}, which is no answer of Prometheus`)
  }
  if (answer.status === 'error') throw new PrometheusQueryFailed(`${promql}: ${answer.errorType}: ${answer.error}`)
  const { data } = answer
  if (data.resultType === 'vector') return data.result.map(({ metric, value }) => sampleOf(metric, value))
  if (data.resultType === 'scalar') return [sampleOf({}, data.result)]
  throw new PrometheusQueryFailed(`${promql} yields a ${data.resultType}, not a vector or scalar`)
}

function parseAnswer(text: string): Static<typeof Answer> | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    return Value.Check(Answer, answer) ? answer : undefined
  } catch {
    return undefined
  }
}

function sampleOf(labels: Readonly<Record<string, string>>, [time, text]: Static<typeof Point>): Sample {
  const value = text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text)
  return { labels, value, time }
}
