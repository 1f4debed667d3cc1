import { counted } from '../../local/counted.ts'
import { releasePredictor } from '../../local/release.ts'
import {
  type DemoContext,
  platformOf,
  predictorNamespace,
  predictorSelector,
  releaseOf,
  scratchOf,
  worldOf,
} from '../context.ts'
import { eventually } from '../eventually.ts'
import type { Change } from '../scratch-repository.ts'
import { notOk, ok, type CheckOptions, type Step, type Verdict } from '../step.ts'
import { describeTimeline, watchRelease } from '../timeline.ts'
import { isReady, livePods, runningDigest } from '../world.ts'

const rolloutTimeoutMs = 180_000

export const firstRelease: Step<DemoContext> = {
  name: 'first-release',
  title: 'A first push: the cluster pulls it',
  keepsLastLine: true,
  act: (context, report) => push(context, undefined, report),
  check: (context, options) => runsByDigest(context, 0, options),
}

export const secondRelease: Step<DemoContext> = {
  name: 'second-release',
  title: 'A second push: the new SHA takes over',
  keepsLastLine: true,
  act: (context, report) => push(context, note, report),
  check: async (context, options) => {
    const verdict = await runsByDigest(context, 1, options)
    return verdict.ok ? servedRevision(context, 1, options) : verdict
  },
}

export const servedByIngress: Step<DemoContext> = {
  name: 'served-by-ingress',
  title: 'The predictor answers behind the Ingress',
  check: (context, options) => servedRevision(context, context.releases.length - 1, options),
}

const note: Change = {
  message: 'Say what the predictor is for',
  file: 'predictor/README.md',
  edit: (text) => `${text}\nIts prices are simulated: nothing here is advice.\n`,
}

/** Commits, builds, pushes by digest, attaches, tags; then watches until it is served. The cluster does the rest. */
async function push(context: DemoContext, change: Change | undefined, report: (line: string) => void): Promise<void> {
  const { signal, releases, pushToReadyMs } = context
  const platform = platformOf(context)
  const scratch = scratchOf(context)
  const { sha, created } = change === undefined ? await scratch.head() : await scratch.commit(change)
  report(`commit ${sha.slice(0, 12)}: building the image`)
  const release = await releasePredictor({
    platform,
    source: scratch.path,
    sha,
    created,
    sequence: releases.length + 1,
    isIndex: releases.length > 0,
    signal,
    onStep: report,
  })
  releases.push(release)
  report(`pushed ${sha.slice(0, 12)} as ${release.digest.slice(0, 19)}; now nobody touches the cluster`)
  const timeline = await watchRelease({
    world: worldOf(context),
    release,
    namespace: predictorNamespace,
    selector: predictorSelector,
    container: 'predictor',
    auditLog: platform.cluster.auditLog,
    seenAtMs: ({ digest, pushedAtMs }) =>
      platform.registry.firstRequestAtMs('reconciler', `/manifests/${digest}$`, pushedAtMs),
    timeoutMs: rolloutTimeoutMs,
    signal,
  })
  pushToReadyMs.push(timeline.readyAtMs - timeline.pushedAtMs)
  report(describeTimeline(timeline))
}

/** Every live pod runs that release's image, by the digest that the container runtime tells, and is ready. */
function runsByDigest(context: DemoContext, index: number, options: CheckOptions): Promise<Verdict> {
  return eventually(async () => {
    const { digest, sha } = releaseOf(context, index)
    const pods = await livePods(worldOf(context), predictorNamespace, predictorSelector)
    const sound = pods.filter((pod) => isReady(pod) && runningDigest(pod, 'predictor') === digest)
    if (pods.length === 0 || sound.length < pods.length) {
      return notOk(`${sound.length} of ${pods.length} pods run ${digest} and are ready`)
    }
    return ok(`${counted(sound.length, 'pod')} of ${sha.slice(0, 12)} by digest`)
  }, options)
}

function servedRevision(context: DemoContext, index: number, options: CheckOptions): Promise<Verdict> {
  return eventually(async (signal) => {
    const { sha } = releaseOf(context, index)
    const world = worldOf(context)
    const version = await world.throughIngress('/version', signal)
    if (version.status !== 200 || !version.body.includes(sha)) {
      return notOk(`/version answered ${version.status} ${version.body.slice(0, 120)}`)
    }
    const health = await world.throughIngress('/health', signal)
    if (health.status !== 200 || health.body !== '{"status":"ok"}') {
      return notOk(`/health answered ${health.status} ${health.body.slice(0, 120)}`)
    }
    return ok(`/version behind the Ingress answers ${sha.slice(0, 12)}`)
  }, options)
}
