import { CommandFailed } from '../local/run.ts'
import type { Call, Runner } from './call.ts'
import { Problem, type ProblemText } from './problem.ts'

/** What a failed call means to a person, and what to do. */
export type Explain = (error: CommandFailed, call: Call) => ProblemText

/** A runner whose failures are problems; {@link failureOf} has what the program said. */
export function explained(run: Runner, explain: Explain): Runner {
  return async (call) => {
    try {
      return await run(call)
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      throw new Problem(explain(error, call), { cause: error })
    }
  }
}

/** The failure of a program that an error is, or tells of; undefined where it is another one. */
export function failureOf(error: unknown): CommandFailed | undefined {
  const failure = error instanceof Problem ? error.cause : error
  return failure instanceof CommandFailed ? failure : undefined
}
