import t from 'tap'
import { NotPromQL, selectorsOf } from './selectors.ts'

t.test('every selector of an expression is found, with its range', async (t) => {
  t.same(selectorsOf('sum by (a) (rate(x_total{job="p", s=~"5.."}[5m])) / max(y) unless time() - z > 1'), [
    { metric: 'x_total', text: 'x_total{job="p", s=~"5.."}', range: '5m' },
    { metric: 'y', text: 'y', range: undefined },
    { metric: 'z', text: 'z', range: undefined },
  ])
})

t.test('names of recorded series, and selectors without a name', async (t) => {
  t.same(selectorsOf('namespace:errors:ratio_rate5m{namespace=~".*"} > 0.1 and {__name__="up"}'), [
    {
      metric: 'namespace:errors:ratio_rate5m',
      text: 'namespace:errors:ratio_rate5m{namespace=~".*"}',
      range: undefined,
    },
    { metric: undefined, text: '{__name__="up"}', range: undefined },
  ])
})

t.test('what selects nothing has no selector', async (t) => {
  t.same(selectorsOf('vector(1) + time()'), [])
})

for (const expr of ['sum(', 'rate(x[5m]', 'a b', 'x{job=}', 'x[$__rate_interval]', '']) {
  t.test(`"${expr}" is not PromQL`, async (t) => {
    t.throws(() => selectorsOf(expr), NotPromQL)
  })
}
