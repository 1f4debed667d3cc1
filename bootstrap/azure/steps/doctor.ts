import { diagnose, type Ask } from '../../cluster/doctor.ts'
import { kubectl, runUnless, type AzureContext } from '../context.ts'
import { done, toDo, type AzureStep } from '../step.ts'

/** The last look: whether the platform can release. */
export const doctor: AzureStep = {
  name: 'doctor',
  title: 'All of it, looked at once more',
  find: async (context) => {
    const found = await diagnose(asking(context))
    const of = (state: string) => found.filter((diagnosis) => diagnosis.state === state)
    const told = (diagnoses: typeof found): string =>
      diagnoses.map(({ what, detail }) => `${what}: ${detail}`).join('; ')
    const ill = of('ill')
    if (ill.length > 0) return toDo(told(ill))
    const waits = of('waits')
    return done(waits.length > 0 ? `well, and waits for: ${told(waits)}` : told(of('well')))
  },
  actions: () => [],
  // A Delivery that was applied a moment ago is looked at by the reconciler within half a minute.
  settleMs: 2 * 60_000,
}

function asking(context: AzureContext): Ask {
  return async <Answer>(command: string, namespace?: string) => {
    const call = kubectl(context, command, { namespace, output: 'json' })
    const answer = await runUnless(context, call, /NotFound|not found/)
    return answer && (JSON.parse(answer.stdout) as Answer)
  }
}
