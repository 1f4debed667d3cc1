import type { AzureContext } from './context.ts'
import { numbered } from './run-steps.ts'
import type { AzureStep } from './step.ts'

/** What a dry run came to: the plan, for a person, and whether anything stands in its way. */
export interface Plan {
  readonly lines: readonly string[]
  readonly ok: boolean
}

/**
 * Writes down what each step would do, and changes nothing: the world is asked as far as it can be, and what it can not
 * tell yet stands as a placeholder in angle brackets.
 */
export async function planSteps(steps: readonly AzureStep[], context: AzureContext): Promise<Plan> {
  const lines: string[] = []
  let ok = true
  for (const [index, step] of steps.entries()) {
    context.signal.throwIfAborted()
    lines.push(numbered(step, index, steps.length))
    const found = await attempted(context, () => step.find(context))
    if (!(found instanceof Error) && found.isDone) {
      lines.push(`  nothing to do: ${found.detail}`)
      continue
    }
    const actions = await attempted(context, () => step.actions(context))
    if (actions instanceof Error) {
      // All else is planned as if nothing stood in the way.
      ok = false
      lines.push(...indented(actions.message))
      continue
    }
    if (step.name === 'preflight' && found instanceof Error) {
      // All else is planned as if nothing stood in the way.
      ok = false
      lines.push(...indented(found.message))
    } else if (actions.length === 0) lines.push('  looks at what is there then, and says what to mend')
    for (const { text } of actions) lines.push(...indented(text))
  }
  return { lines, ok }
}

/** What stands in the way is a part of the plan. */
async function attempted<T>({ signal }: AzureContext, ask: () => T | Promise<T>): Promise<T | Error> {
  try {
    return await ask()
  } catch (error) {
    signal.throwIfAborted()
    return error instanceof Error ? error : new Error(String(error))
  }
}

function indented(text: string): readonly string[] {
  return text.split('\n').map((line) => `  ${line}`)
}
