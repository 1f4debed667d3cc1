import { clusterOf, type DemoContext, made, platformOf, runningOf, worldOf } from '../context.ts'
import { beginQuiet, describeWrite, writesInQuiet } from '../delivered-writes.ts'
import { untilLed, untilTwoStand } from '../leader.ts'
import { reconcilerNamespace } from '../names.ts'
import { operate } from '../operator.ts'
import { untilPolled } from '../polls.ts'
import { isWell } from '../running-release.ts'
import { notOk, ok, type Step } from '../step.ts'

/** The first after a start may be of what was under way. */
const polls = 2

export const badReleaseNotRetried: Step<DemoContext> = {
  name: 'bad-release-not-retried',
  title: 'What failed is not tried again, by another leader either',
  act: async (context, report) => {
    const { signal } = context
    const world = worldOf(context)
    await untilTwoStand(world, signal)
    const { name: endedLeader } = await untilLed(world, signal)
    const quiet = await beginQuiet(clusterOf(context).auditLog)
    await operate(context, ['--namespace', reconcilerNamespace, 'delete', 'pod', endedLeader, '--wait=false'], {
      report,
    })
    const leader = await untilLed(world, signal, endedLeader)
    report(`${leader.name} leads now; it asks the registry what is newest`)
    context.restart = { quiet, endedLeader, polls: await untilPolled(platformOf(context).registry, polls, signal) }
  },
  check: async (context, options) => {
    const restart = made(context.restart, 'bad-release-not-retried')
    const [write] = await writesInQuiet(clusterOf(context).auditLog, restart.quiet)
    if (write !== undefined) return notOk(`the audit log holds ${describeWrite(write)}`)
    const well = await isWell(context, runningOf(context), options)
    if (!well.ok) return well
    return ok(`another leader, ${restart.polls} polls, and not a write in the audit log; ${well.detail}`)
  },
}
