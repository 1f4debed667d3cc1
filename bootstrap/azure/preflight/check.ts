import type { AzureContext } from '../context.ts'
import { Problem } from '../../calls/problem.ts'

/** Looks at one thing that must be so before anything is changed; answers what is not, in words for a person. */
export interface Check {
  readonly what: string
  readonly look: (context: AzureContext) => Promise<readonly Problem[]>
}

/** Runs a check; whatever it could not ask is a problem too. */
export async function problemsOf({ what, look }: Check, context: AzureContext): Promise<readonly Problem[]> {
  try {
    return await look(context)
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof Problem) return [error]
    const why = error instanceof Error ? error.message : String(error)
    return [new Problem({ what, why, mend: 'mend that, then type the same again' })]
  }
}
