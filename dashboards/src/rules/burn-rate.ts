/**
 * Alerts on how fast an error budget is spent, each over a long and a short window: the long one says that it matters,
 * the short one that it still goes on. The Site Reliability Workbook, chapter 5, "Alerting on SLOs", has the method and
 * the factors: https://sre.google/workbook/alerting-on-slos/
 */
import { fewestBad } from '../objectives.ts'
import { oneLine } from '../promql/vocabulary.ts'
import type { AlertRule, RecordingRule } from './rule.ts'

interface Burn {
  readonly long: string
  readonly short: string
  /** How many times faster than evenly over thirty days. */
  readonly factor: number
}

/** 2 % of the budget within an hour, or 5 % within six. */
const fast: readonly Burn[] = [
  { long: '1h', short: '5m', factor: 14.4 },
  { long: '6h', short: '30m', factor: 6 },
]
/** 10 % within a day, or within three. */
const slow: readonly Burn[] = [
  { long: '1d', short: '2h', factor: 3 },
  { long: '3d', short: '6h', factor: 1 },
]

export const windows: readonly string[] = ['5m', '30m', '1h', '2h', '6h', '1d', '3d']

/** The recorded share of bad events over a window. */
export function ratioOver(ratio: string, window: string): string {
  return `${ratio}:ratio_rate${window}`
}

/** One rule a window; `shareOf` is the expression of the share of bad events. */
export function ratioRules(ratio: string, shareOf: (window: string) => string): readonly RecordingRule[] {
  return windows.map((window) => ({ record: ratioOver(ratio, window), expr: oneLine(shareOf(window)) }))
}

interface BudgetAlerts {
  /** Begins the names of the alerts. */
  readonly name: string
  readonly ratio: string
  readonly objective: number
  /** Expression of the number of bad events within a window. */
  readonly badWithin: (window: string) => string
  /** As in "of the answers are errors". */
  readonly what: string
}

export function burnRateAlerts({ name, what, ...budget }: BudgetAlerts): readonly AlertRule[] {
  const percent = `${Number((budget.objective * 100).toPrecision(4))} %`
  return [
    {
      alert: `${name}BurningFast`,
      expr: burning(fast, budget),
      forS: 120,
      severity: 'critical',
      summary: `In {{ $labels.namespace }} so many ${what} that the month's budget is gone within days.`,
      description: `The objective is ${percent} over thirty days. At this rate 2 % of what that leaves goes in an hour, or 5 % in six.`,
    },
    {
      alert: `${name}BurningSlowly`,
      expr: burning(slow, budget),
      forS: 900,
      severity: 'warning',
      summary: `In {{ $labels.namespace }} so many ${what} that the month's budget will not last.`,
      description: `The objective is ${percent} over thirty days. At this rate 10 % of what that leaves goes in one to three days.`,
    },
  ]
}

function burning(
  burns: readonly Burn[],
  { ratio, objective, badWithin }: Pick<BudgetAlerts, 'ratio' | 'objective' | 'badWithin'>,
): string {
  return burns
    .map(({ long, short, factor }) => {
      const limit = Number((factor * (1 - objective)).toPrecision(6))
      const isBurning = `${ratioOver(ratio, long)} > ${limit} and ${ratioOver(ratio, short)} > ${limit}`
      return `(${isBurning} and ${oneLine(badWithin(long))} >= ${fewestBad})`
    })
    .join(' or ')
}
