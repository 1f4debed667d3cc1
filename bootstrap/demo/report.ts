import { writeFile } from 'node:fs/promises'

export interface StepResult {
  readonly name: string
  readonly ok: boolean
  readonly ms: number
  readonly detail: string
}

/** What `--report FILE` writes. `ok` needs every step that the story has, so one that never ran makes it false. */
export interface DemoReport {
  readonly steps: readonly StepResult[]
  /** From the tag's push until all pods were ready, in milliseconds: of each release that nothing held or disturbed. */
  readonly pushToReadyMs: readonly number[]
  readonly ok: boolean
}

export function makeReport(
  expected: readonly string[],
  steps: readonly StepResult[],
  pushToReadyMs: readonly number[],
): DemoReport {
  const isComplete = expected.every((name) => steps.some((step) => step.name === name && step.ok))
  return { steps, pushToReadyMs, ok: isComplete && steps.every((step) => step.ok) }
}

export async function writeReport(file: string, report: DemoReport): Promise<void> {
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`)
}
