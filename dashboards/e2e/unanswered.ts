import { PrometheusQueryFailed, queryPrometheus } from '../../bootstrap/local/prometheus/query.ts'
import type { Expression } from '../src/promql/expressions.ts'
import { selectorsOf, type Selector } from '../src/promql/selectors.ts'

export interface Unanswered {
  readonly origin: string
  /** What was asked, and what Prometheus said to it. */
  readonly problem: string
}

/**
 * What Prometheus finds no series for: a selector, or the whole of an expression that is drawn or recorded. Whether an
 * alert fires is no question here.
 */
export async function unanswered(
  prometheusUrl: string,
  expressions: readonly Expression[],
  signal: AbortSignal,
): Promise<readonly Unanswered[]> {
  const answers = new Map<string, Promise<string | undefined>>()
  const ask = (query: string): Promise<string | undefined> => {
    const known = answers.get(query) ?? problemOf(prometheusUrl, query, signal)
    answers.set(query, known)
    return known
  }
  const found: Unanswered[] = []
  for (const { origin, kind, expr } of expressions) {
    for (const selector of selectorsOf(expr)) {
      const problem = await ask(seriesOf(selector))
      if (problem !== undefined) found.push({ origin, problem })
    }
    const problem = await ask(expr)
    if (problem !== undefined && (kind !== 'alert' || problem !== nothing(expr))) found.push({ origin, problem })
  }
  return found
}

/** A range is no answer to an instant query, so its samples are counted. */
function seriesOf({ text, range }: Selector): string {
  return range === undefined ? text : `count_over_time(${text}[${range}])`
}

async function problemOf(prometheusUrl: string, query: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const samples = await queryPrometheus(prometheusUrl, query, { signal })
    return samples.length === 0 ? nothing(query) : undefined
  } catch (error) {
    if (error instanceof PrometheusQueryFailed) return error.message
    throw error
  }
}

function nothing(query: string): string {
  return `${query} finds nothing`
}
