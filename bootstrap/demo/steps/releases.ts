import type { ReleaseName } from '../changes.ts'
import { type DemoContext, platformOf, runningOf, worldOf } from '../context.ts'
import { predictorContainer, predictorNamespace, predictorSelector } from '../names.ts'
import type { Report } from '../operator.ts'
import { pushRelease } from '../push-release.ts'
import { isServed, isWell, runsByDigest } from '../running-release.ts'
import type { Step } from '../step.ts'
import { describeTimeline, watchRelease } from '../timeline.ts'

const rolloutTimeoutMs = 180_000

export const firstRelease: Step<DemoContext> = {
  name: 'first-release',
  title: 'A first push: the cluster pulls it',
  keepsLastLine: true,
  act: (context, report) => push(context, 'first', report),
  check: (context, options) => runsByDigest(context, 'first', options),
}

export const servedByIngress: Step<DemoContext> = {
  name: 'served-by-ingress',
  title: 'The predictor answers behind the Ingress',
  check: (context, options) => isServed(context, runningOf(context), options),
}

export const secondRelease: Step<DemoContext> = {
  name: 'second-release',
  title: 'A second push: the new SHA takes over',
  keepsLastLine: true,
  act: (context, report) => push(context, 'second', report),
  check: (context, options) => isWell(context, 'second', options),
}

/** Pushes, then watches until it is served. */
async function push(context: DemoContext, name: ReleaseName, report: Report): Promise<void> {
  const { signal, pushToReadyMs } = context
  const { cluster, registry } = platformOf(context)
  const release = await pushRelease(context, name, report)
  context.running = name
  const timeline = await watchRelease({
    world: worldOf(context),
    release,
    namespace: predictorNamespace,
    selector: predictorSelector,
    container: predictorContainer,
    auditLog: cluster.auditLog,
    seenAtMs: ({ digest, pushedAtMs }) => registry.firstRequestAtMs('reconciler', `/manifests/${digest}$`, pushedAtMs),
    timeoutMs: rolloutTimeoutMs,
    signal,
  })
  pushToReadyMs.push(timeline.readyAtMs - timeline.pushedAtMs)
  report(describeTimeline(timeline))
}
