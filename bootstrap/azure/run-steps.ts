import type { Listed } from '../progress/list.ts'
import type { StepResult } from '../demo/report.ts'
import { waitFor } from '../local/wait.ts'
import type { AzureContext } from './context.ts'
import type { AzureStep, Found } from './step.ts'

/** Steps as a numbered list that shows how far they are. */
export function listed(steps: readonly AzureStep[], context: AzureContext): readonly Listed<StepResult>[] {
  return steps.map((step, index) => ({
    title: numbered(step, index, steps.length),
    run: (report) => runStep(step, context, report),
  }))
}

export function numbered({ title }: AzureStep, index: number, count: number): string {
  return `${index + 1}/${count} ${title}`
}

/** Looks, does what is left to do, and looks again; a step that throws failed, and says why. */
export async function runStep(
  step: AzureStep,
  context: AzureContext,
  report: (line: string) => void,
): Promise<StepResult> {
  const startedAt = performance.now()
  const result = (ok: boolean, detail: string): StepResult => ({
    name: step.name,
    ok,
    detail,
    ms: Math.round(performance.now() - startedAt),
  })
  try {
    const found = await step.find(context)
    if (found.isDone) return result(true, found.detail)
    report(found.detail)
    for (const action of await step.actions(context)) {
      context.signal.throwIfAborted()
      report(action.text)
      await action.perform(context)
    }
    return result(true, await verified(step, context, report))
  } catch (error) {
    if (context.signal.aborted) return result(false, 'interrupted; type the same again to go on')
    return result(false, error instanceof Error ? error.message : String(error))
  }
}

/** Azure shows some of what was done only after a while: a role above all. */
async function verified(step: AzureStep, context: AzureContext, report: (line: string) => void): Promise<string> {
  const look = step.verify ?? step.find
  let last: Found | undefined
  const found = await waitFor(
    async () => {
      last = await look(context)
      if (last.isDone) return last
      report(`waiting: ${last.detail}`)
      return undefined
    },
    () => {
      if (step.unsettled !== undefined) throw step.unsettled(context)
      return `${step.title}: all was done, and yet: ${last?.detail}. Type the same again in some minutes`
    },
    { timeoutMs: step.settleMs ?? 0, everyMs: context.everyMs, signal: context.signal },
  )
  return found.detail
}
