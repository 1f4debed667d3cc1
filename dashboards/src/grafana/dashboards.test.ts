import t from 'tap'
import { dashboardExpressions, dashboards, panelsOf } from '../promql/expressions.ts'
import { selectorsOf } from '../promql/selectors.ts'
import { priceRoutes } from '../promql/vocabulary.ts'

const chosenSource = { type: 'prometheus', uid: '${datasource}' }

t.test('there is one of the predictor and one of the reconciler', async (t) => {
  t.same(
    dashboards.map(({ uid }) => uid),
    ['windlass-predictor', 'windlass-reconciler'],
  )
})

for (const dashboard of dashboards) {
  const { title = '' } = dashboard
  const panels = panelsOf(dashboard)

  t.test(`${title}: every panel says what it shows, in which unit, and what to read from it`, async (t) => {
    t.ok(panels.length > 10, `${panels.length} panels`)
    for (const { title: name = '', description = '', fieldConfig } of panels) {
      t.match(name, /^[A-Z].{2,40}$/, 'title')
      t.match(description, /^.{15,}\.$/, `${name}: description`)
      t.match(fieldConfig?.defaults.unit, /^[a-z]+$/, `${name}: unit`)
    }
    const names = panels.map(({ title: name }) => name)
    t.same(names, [...new Set(names)], 'no two have one title')
  })

  t.test(`${title}: which Prometheus is asked is a variable everywhere`, async (t) => {
    const variables = dashboard.templating.list ?? []
    t.match(variables[0], { type: 'datasource', name: 'datasource', query: 'prometheus' })
    const asked = [...variables.slice(1), ...(dashboard.annotations.list ?? []), ...panels]
    for (const { datasource } of asked) t.same(datasource, chosenSource)
    for (const { targets = [] } of panels) {
      t.ok(targets.length > 0)
      for (const target of targets) t.same((target as { readonly datasource?: object }).datasource, chosenSource)
    }
  })

  t.test(`${title}: every expression is PromQL that reads something`, async (t) => {
    for (const { origin, expr } of dashboardExpressions(dashboard)) t.ok(selectorsOf(expr).length > 0, origin)
  })

  t.test(`${title}: no panel lies over another, none sticks out`, async (t) => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } = { x: 0, y: 0, w: 0, h: 0 } }) => {
      t.ok(w > 0 && h > 0 && x + w <= 24)
      return Array.from({ length: w * h }, (_, n) => `${x + (n % w)} ${y + Math.floor(n / w)}`)
    })
    t.equal(new Set(cells).size, cells.length, 'each cell is of one panel')
  })

  t.test(`${title}: rollouts are marked on its graphs`, async (t) => {
    const marks = (dashboard.annotations.list ?? []).filter(({ enable }) => enable)
    t.same(
      marks.map(({ name }) => name),
      ['Rolling out', 'Going back', 'Rollout ended'],
    )
    for (const { expr = '' } of marks) t.match(expr, /windlass_(delivery_state|rollouts_total)\{/)
  })
}

t.test('a pod that is drained, whose /readyz says 503, looks neither overloaded nor failing', async (t) => {
  const [predictor] = dashboards
  const asked = (title: string) =>
    (predictor === undefined ? [] : dashboardExpressions(predictor))
      .filter(({ origin }) => origin.endsWith(title))
      .flatMap(({ expr }) => selectorsOf(expr).map(({ text }) => text))
  t.match(asked('Refused for overload'), [priceRoutes])
  t.match(asked('Errors by status'), ['route!="/readyz"'])
})
