import { access, constants, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

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

/** Before the story, which takes minutes: throws, in words for a person, where its report could not be written. */
export async function assertReportable(file: string): Promise<void> {
  const why = await whyNotWritable(file)
  if (why !== undefined) throw new Error(`No report can be written to ${file}: ${why}.`)
}

async function whyNotWritable(file: string): Promise<string | undefined> {
  if (file === '') return 'give --report a file'
  const found = await stat(file).catch(() => undefined)
  if (found?.isDirectory() === true) return 'it is a folder'
  const folder = dirname(file)
  const isThere = await stat(folder).then(
    (entry) => entry.isDirectory(),
    () => false,
  )
  if (!isThere) return 'its folder is not there'
  return access(found === undefined ? folder : file, constants.W_OK).then(
    () => undefined,
    () => 'it is not yours to write',
  )
}

export async function writeReport(file: string, report: DemoReport): Promise<void> {
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`)
}
