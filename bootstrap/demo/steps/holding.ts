import { formatElapsed } from '../../local/elapsed.ts'
import { clusterOf, type DemoContext, made, platformOf, releaseOf, runningOf, worldOf } from '../context.ts'
import { beginQuiet, describeWrite, writesInQuiet } from '../delivered-writes.ts'
import { annotation, inPredictor, operate } from '../operator.ts'
import { untilPolled } from '../polls.ts'
import { pushRelease, shortSha } from '../push-release.ts'
import { isWell } from '../running-release.ts'
import { notOk, ok, type Step } from '../step.ts'

const waitForDelivery = [...inPredictor, 'wait', 'delivery/predictor', '--timeout=60s'] as const

export const pausedHolds: Step<DemoContext> = {
  name: 'paused-holds',
  title: 'Paused by an annotation: a push waits, and nothing is written',
  act: async (context, report) => {
    const words = ['windlass.dev/pause-reason=release freeze', 'windlass.dev/paused-by=ada']
    await operate(context, annotation('windlass.dev/paused=true', ...words), { report })
    await operate(context, [...waitForDelivery, '--for=condition=Paused'])
    context.pause = await beginQuiet(clusterOf(context).auditLog)
    const { sha } = await pushRelease(context, 'held', report)
    await operate(context, [...waitForDelivery, `--for=jsonpath={.status.candidate.tag}=${sha}`])
    report(`${shortSha(sha)} is seen, and waits; the registry is asked on`)
    await untilPolled(platformOf(context).registry, 1, context.signal)
  },
  check: async (context, options) => {
    const pause = made(context.pause, 'paused-holds')
    const { sha } = releaseOf(context, 'held')
    const [write] = await writesInQuiet(clusterOf(context).auditLog, pause)
    if (write !== undefined) return notOk(`while it is paused, the audit log holds ${describeWrite(write)}`)
    // What status shows is the claim here, and no witness of it.
    const { status } = await worldOf(context).delivery()
    if (status?.summary?.state !== 'Paused') return notOk(`status shows ${status?.summary?.state}, not Paused`)
    if (status.candidate?.tag !== sha) return notOk(`status shows ${status.candidate?.tag} as pending, not ${sha}`)
    const well = await isWell(context, runningOf(context), options)
    if (!well.ok) return well
    const lasted = formatElapsed((pause.untilMs ?? Date.now()) - pause.fromMs)
    return ok(`not a write in the audit log for ${lasted}; status shows ${shortSha(sha)} as pending; ${well.detail}`)
  },
}

export const resumedReleases: Step<DemoContext> = {
  name: 'resumed-releases',
  title: 'Resumed: what waited is released',
  act: async (context, report) => {
    const pause = made(context.pause, 'paused-holds')
    pause.untilMs = Date.now()
    context.running = 'held'
    const marks = ['paused', 'pause-reason', 'paused-by'].map((name) => `windlass.dev/${name}-`)
    await operate(context, annotation(...marks), { report })
  },
  check: (context, options) => isWell(context, 'held', options),
}
