import type { Runner } from '../calls/call.ts'
import { explained as explainedBy } from '../calls/explained.ts'
import type { AzureEnvironment } from './environment.ts'
import { explain } from './explain.ts'

/** A runner whose failures say what they mean here, and what to do. */
export function explained(run: Runner, environment: AzureEnvironment): Runner {
  return explainedBy(run, (error, call) => explain(error, call, environment))
}
