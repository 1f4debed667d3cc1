import { runbookUrl } from '../runbooks.ts'
import { predictorGroups } from './predictor.ts'
import { reconcilerGroups } from './reconciler.ts'
import type { AlertRule, RuleGroup } from './rule.ts'

export const ruleGroups: readonly RuleGroup[] = [...predictorGroups, ...reconcilerGroups]

export const alertRules: readonly AlertRule[] = ruleGroups.flatMap(({ alerts }) => alerts)

/** What routes and groups what fired. */
export function labelsOf({ severity }: AlertRule, { component }: RuleGroup): Readonly<Record<string, string>> {
  return { severity, component }
}

export function annotationsOf({ alert, summary, description }: AlertRule): Readonly<Record<string, string>> {
  return { summary, description, runbook_url: runbookUrl(alert) }
}
