import type { Runner } from '../calls/call.ts'
import { CommandFailed } from '../local/run.ts'
import type { AzureEnvironment } from './environment.ts'
import { explain } from './explain.ts'

/** A runner whose failures say what they mean here, and what to do. */
export function explained(run: Runner, environment: AzureEnvironment): Runner {
  return async (call) => {
    try {
      return await run(call)
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      throw explain(error, call, environment)
    }
  }
}
