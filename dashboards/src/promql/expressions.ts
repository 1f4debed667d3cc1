/** Every expression that dashboards and rules hold, as Prometheus would be asked it. */
import {
  VariableType,
  type Dashboard,
  type Panel,
  type RowPanel,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { predictorDashboard } from '../grafana/predictor.ts'
import { reconcilerDashboard } from '../grafana/reconciler.ts'
import { ruleGroups } from '../rules/rule-groups.ts'

export interface Expression {
  /** Where it stands, for a person. */
  readonly origin: string
  readonly kind: 'dashboard' | 'recording' | 'alert'
  readonly expr: string
}

export const dashboards: readonly Dashboard[] = [predictorDashboard(), reconcilerDashboard()]

export function allExpressions(): readonly Expression[] {
  return [...dashboards.flatMap(dashboardExpressions), ...ruleExpressions()]
}

export function dashboardExpressions(dashboard: Dashboard): readonly Expression[] {
  const { title = '' } = dashboard
  const found = (what: string, expr: string): Expression => ({
    origin: `${title}: ${what}`,
    kind: 'dashboard',
    expr: withoutVariables(expr, dashboard),
  })
  return [
    ...(dashboard.templating.list ?? []).flatMap((variable) =>
      variable.type === VariableType.Query ? [found(`variable ${variable.name}`, selectorOfQuery(variable))] : [],
    ),
    ...(dashboard.annotations.list ?? []).map(({ name, expr = '' }) => found(`mark ${name}`, expr)),
    ...panelsOf(dashboard).flatMap(({ title: panel = '', targets = [] }) =>
      targets.map((target) => found(panel, (target as { readonly expr?: string }).expr ?? '')),
    ),
  ]
}

/** Rows themselves hold nothing that is measured. */
export function panelsOf({ panels = [] }: Dashboard): readonly Panel[] {
  return panels.filter((panel): panel is Panel => !isRow(panel))
}

function isRow(panel: Panel | RowPanel): panel is RowPanel {
  return panel.type === 'row'
}

function ruleExpressions(): readonly Expression[] {
  return ruleGroups.flatMap(({ recording, alerts }) => [
    ...recording.map(({ record, expr }) => ({ origin: record, kind: 'recording' as const, expr })),
    ...alerts.map(({ alert, expr }) => ({ origin: alert, kind: 'alert' as const, expr })),
  ])
}

/** As Grafana does with all values chosen, of a scrape each half minute or sooner. */
function withoutVariables(expr: string, { templating }: Dashboard): string {
  const chosen = (templating.list ?? []).reduce(
    (text, { name, allValue = '' }) => text.replaceAll(new RegExp(`\\$${name}\\b`, 'g'), allValue),
    expr,
  )
  return chosen.replaceAll('$__rate_interval', '2m').replaceAll('$__interval', '30s').replaceAll('$__range', '1h')
}

/** `label_values(SELECTOR, LABEL)` is Grafana's, and reads the series of the selector. */
function selectorOfQuery({ name, query }: VariableModel): string {
  const [, selector] = /^label_values\((.+), \w+\)$/.exec(typeof query === 'string' ? query : '') ?? []
  if (selector === undefined) throw new Error(`variable ${name} asks for something else than label_values`)
  return selector
}
