import type { AzureContext } from '../context.ts'
import { Problem, Problems } from '../../calls/problem.ts'

/** Looks at one thing that must be so before anything is changed; answers what is not, in words for a person. */
export interface Check {
  readonly what: string
  readonly look: (context: AzureContext) => Promise<readonly Problem[]>
}

/**
 * Looks at rounds of checks, of which each needs the ones before it. Within a round all are looked at, and all that is wrong
 * is told at once.
 */
export async function assertRounds(rounds: readonly (readonly Check[])[], context: AzureContext): Promise<void> {
  for (const round of rounds) {
    const problems = (await Promise.all(round.map((check) => problemsOf(check, context)))).flat()
    if (problems.length > 0) throw new Problems(problems)
  }
}

/** Runs a check; whatever it could not ask is a problem too. */
async function problemsOf({ what, look }: Check, context: AzureContext): Promise<readonly Problem[]> {
  try {
    return await look(context)
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof Problem) return [error]
    const why = error instanceof Error ? error.message : String(error)
    return [new Problem({ what, why, mend: 'mend that, then type the same again' })]
  }
}
