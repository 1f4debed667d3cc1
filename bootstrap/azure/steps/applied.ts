import { failureOf } from '../../calls/explained.ts'
import type { Call } from '../../calls/call.ts'
import { kubectl, type AzureContext } from '../context.ts'
import type { Manifest } from '../../local/install.ts'
import { fieldManager } from '../../local/install.ts'

/** What the exit code of `kubectl diff` says: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_diff */
const differs = 1

/** Whether applying these objects would change nothing: the API server is asked, and nothing written. */
export async function isApplied(context: AzureContext, objects: readonly Manifest[]): Promise<boolean> {
  const call = kubectl(context, 'diff', {
    'server-side': true,
    'force-conflicts': true,
    'field-manager': fieldManager,
    filename: '-',
  })
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  return isUnchanged(context, { ...call, input: JSON.stringify(list) })
}

/** Whether a `kubectl diff` found nothing; rejects where it could not ask. */
export async function isUnchanged(context: AzureContext, diff: Call): Promise<boolean> {
  try {
    await context.run(diff)
    return true
  } catch (error) {
    const failure = failureOf(error)
    if (failure === undefined) throw error
    const { exitCode, stderr } = failure
    if (isMissing.test(stderr) || (exitCode === differs && !isUnanswered.test(stderr))) return false
    throw error
  }
}

/** A Namespace or a kind that is not there yet: an object of it can't be compared, and has to be made. */
const isMissing = /^Error from server \(NotFound\)|no matches for kind/m

/** What it ends with, by the code of a difference, where it could not ask. */
const isUnanswered = /unable to connect|connection refused|i\/o timeout|no such host|forbidden|Unauthorized/i
