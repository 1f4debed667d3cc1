/** `critical` wakes somebody; `warning` waits for the morning. */
export type Severity = 'critical' | 'warning'

export interface RecordingRule {
  readonly record: string
  readonly expr: string
}

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  /** For how long it must hold. */
  readonly forS: number
  readonly severity: Severity
  /** One sentence, which may name labels of what fired. */
  readonly summary: string
  /** What it means, in words that are the same each time. */
  readonly description: string
}

export interface RuleGroup {
  /** Also the name of the Azure resource. */
  readonly name: string
  readonly component: 'predictor' | 'reconciler'
  readonly recording: readonly RecordingRule[]
  readonly alerts: readonly AlertRule[]
}
