/** What an expression of PromQL reads, by Prometheus' own grammar. */
import { parser } from '@prometheus-io/lezer-promql'

export interface Selector {
  /** Of the metric; undefined where it is selected by matchers alone. */
  readonly metric: string | undefined
  /** As it stands in the expression, without its range. */
  readonly text: string
  /** As `5m`; undefined where the newest sample is read. */
  readonly range: string | undefined
}

/** What is no expression. */
export class NotPromQL extends Error {
  override readonly name = 'NotPromQL'
}

/** Every vector selector of an expression, in its order. */
export function selectorsOf(expr: string): readonly Selector[] {
  const tree = parser.parse(expr)
  const found: Selector[] = []
  tree.iterate({
    enter(node) {
      if (node.type.isError) throw new NotPromQL(`${expr}: not PromQL at ${node.from}`)
      if (node.name !== 'VectorSelector') return
      const { parent } = node.node
      const range = parent?.name === 'MatrixSelector' ? parent.lastChild : undefined
      const metric = node.node.getChild('Identifier')
      found.push({
        metric: metric ? expr.slice(metric.from, metric.to) : undefined,
        text: expr.slice(node.from, node.to),
        range: range ? expr.slice(range.from, range.to).replaceAll(/[[\]]/g, '') : undefined,
      })
    },
  })
  return found
}
