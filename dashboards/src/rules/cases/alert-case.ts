/** Series as promtool writes them, one value a minute where a case says nothing else: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/ */
export type Series = Readonly<Record<string, string>>

export interface Fired {
  /** Beside those that every alert has. */
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  /** Where the rule's own names what fired. */
  readonly description?: string
}

/** When an alert must fire, or must not, for promtool: see alerts.e2e.ts. */
export interface AlertCase {
  readonly alert: string
  /** A sentence, for a person. */
  readonly says: string
  readonly series: Series
  /** How often there is a value, and rules are evaluated; 1 where it is not given. */
  readonly everyMinutes?: number
  /** When it is looked at, since the first value. */
  readonly at: string
  /** None where it must not fire. */
  readonly fires: readonly Fired[]
}
