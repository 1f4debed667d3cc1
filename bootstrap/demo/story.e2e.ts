import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { checkout } from '../local/checkout.ts'
import { platform as names } from '../local/backend.ts'
import { repositories } from '../local/identities.ts'
import type { Platform } from '../local/platform.ts'
import { deployPredictorTenant } from '../local/predictor.ts'
import { sharedPlatform } from '../local/testing-platform.ts'
import { budgets, type ReleaseName } from './changes.ts'
import { type DemoContext, makeContext, releaseOf } from './context.ts'
import { predictorHost, predictorNamespace, reconcilerNamespace } from './names.ts'
import { makeScratchRepository } from './scratch-repository.ts'
import type { Step } from './step.ts'
import { runStep } from './story.ts'
import { badReleaseNotRetried } from './steps/bad-release-not-retried.ts'
import { clusterUp } from './steps/cluster-up.ts'
import { driftCorrected } from './steps/drift-corrected.ts'
import { badReleaseRolledBack, crashingReleaseRolledBack } from './steps/failing-releases.ts'
import { pausedHolds, resumedReleases } from './steps/holding.ts'
import { leaderKilledReleaseCompletes } from './steps/leader-killed.ts'
import { reconcilerReady } from './steps/reconciler-ready.ts'
import { registryUp } from './steps/registry-up.ts'
import { firstRelease, secondRelease, servedByIngress } from './steps/releases.ts'
import { scrapedByPrometheus } from './steps/scraped-by-prometheus.ts'
import { tornDown } from './steps/torn-down.ts'
import { untilTold } from './told.ts'
import { whatToLookAt } from './what-to-look-at.ts'
import { openWorld, runningDigest } from './world.ts'

const signal = new AbortController().signal
const platform = await sharedPlatform(t)
const context = await contextOf(platform)

t.test('what the platform brought up passes the steps of the story that say so', async (t) => {
  for (const step of [clusterUp, registryUp, reconcilerReady]) await passes(t, step)
})

t.test('the first push is pulled, runs by digest, and is served behind the Ingress', async (t) => {
  await acts(t, firstRelease)
  await passes(t, servedByIngress)
})

t.test('the second push takes over, and the first is then no longer what runs', async (t) => {
  await acts(t, secondRelease)
  await fails(t, firstRelease)
})

t.test('Prometheus scrapes the reconciler and the predictor', async (t) => {
  await passes(t, scrapedByPrometheus)
})

t.test('a cluster that is up is not torn down', async (t) => {
  await fails(t, tornDown)
})

t.test('an API server that does not answer turns cluster-up false', async (t) => {
  const apiServer = await platform.cluster.findProcess('kube-apiserver')
  t.ok(apiServer, 'the API server is a process of the cluster')
  if (apiServer === undefined) return
  process.kill(apiServer.pid, 'SIGSTOP')
  try {
    await fails(t, clusterUp)
  } finally {
    process.kill(apiServer.pid, 'SIGCONT')
  }
  await passes(t, clusterUp)
})

t.test('a registry that lets anybody in, or answers with errors, turns registry-up false', async (t) => {
  const fault = await platform.registry.admin.addFault({
    match: { path: '^/v2/$' },
    effect: { kind: 'status', status: 500 },
  })
  await fails(t, registryUp)
  await platform.registry.admin.clearFault(fault)
  await passes(t, registryUp)
})

t.test('releases that are never ready, or crash, are gone back from', async (t) => {
  await acts(t, badReleaseRolledBack)
  await acts(t, crashingReleaseRolledBack)
  await passes(t, secondRelease)
})

t.test('what failed is not tried again; that an operator has it tried turns the step false', async (t) => {
  await acts(t, badReleaseNotRetried)

  await annotateDelivery(`windlass.dev/retry=${releaseOf(context, 'crashing').sha}`)
  await fails(t, badReleaseNotRetried, /the audit log holds patch/)
  await fails(t, crashingReleaseRolledBack)
  await untilTold(context, 'RolledBack')
  await passes(t, crashingReleaseRolledBack)
})

t.test('a pause holds; that drift is corrected meanwhile turns the step false', async (t) => {
  await acts(t, pausedHolds)

  await annotateDelivery('windlass.dev/pause-mode=releases')
  await setImage('first')
  await fails(t, pausedHolds, /the audit log holds patch deployments/)
  await annotateDelivery('windlass.dev/pause-mode-')
})

t.test('what waited is released, and then nothing waits any more', async (t) => {
  await acts(t, resumedReleases)
  await fails(t, pausedHolds)
  await fails(t, secondRelease)
})

t.test('drift is corrected', async (t) => {
  await acts(t, driftCorrected)
})

t.test('a release whose leader is killed is completed by another', async (t) => {
  await acts(t, leaderKilledReleaseCompletes)
  await fails(t, resumedReleases)
})

t.test('a reconciler that lacks a replica turns reconciler-ready false', async (t) => {
  await scale(reconcilerNamespace, 'windlass', 1)
  await fails(t, reconcilerReady)

  // While nobody reconciles, what is broken below stays broken.
  await scale(reconcilerNamespace, 'windlass', 0)
  await kubectl('--namespace', reconcilerNamespace, 'wait', 'pods', '--all', '--for=delete', '--timeout=60s')

  await t.test('what a release no longer holds, and is there again, turns its step false', async (t) => {
    await inPredictor('create', 'poddisruptionbudget', budgets.before, '--selector=app=x', '--max-unavailable=1')
    await fails(t, leaderKilledReleaseCompletes, /disruption budgets/)
    await inPredictor('delete', 'poddisruptionbudget', budgets.before)
    await passes(t, leaderKilledReleaseCompletes)
  })

  const edits = {
    configmap: { data: { LOG_LEVEL: 'trace' } },
    horizontalpodautoscaler: { spec: { minReplicas: 1 } },
  }
  for (const [kind, edited] of Object.entries(edits)) {
    await t.test(`a ${kind} that stays as another hand left it turns drift-corrected false`, async (t) => {
      await inPredictor('patch', kind, 'predictor', '--type=merge', `--patch=${JSON.stringify(edited)}`)
      await fails(t, driftCorrected, /^left as changed by hand/)
    })
  }

  await t.test('what another hand took back itself was not taken back by the reconciler', async (t) => {
    await inPredictor('patch', 'configmap', 'predictor', '--type=merge', '--patch={"data":{"LOG_LEVEL":"info"}}')
    await inPredictor('patch', 'hpa', 'predictor', '--type=merge', '--patch={"spec":{"minReplicas":2}}')
    await fails(t, driftCorrected, /the audit log holds no write that took/)
  })

  await t.test('pods of a release that failed turn the step false that says it was gone back from', async (t) => {
    await setImage('bad')
    await fails(t, badReleaseRolledBack)
    await fails(t, driftCorrected, /^the image is left as changed by hand/)
    await setImage('crashing')
    await fails(t, crashingReleaseRolledBack)
    await setImage('last')
    for (const step of [badReleaseRolledBack, crashingReleaseRolledBack]) await passes(t, step)
  })

  await t.test('an Ingress that is gone turns every step false that says what is served', async (t) => {
    await inPredictor('delete', 'ingress', '--all')
    for (const step of [servedByIngress, badReleaseRolledBack, crashingReleaseRolledBack, leaderKilledReleaseCompletes])
      await fails(t, step, /version answered/)
  })

  await t.test('targets that are gone turn scraped-by-prometheus false', async (t) => {
    await fails(t, scrapedByPrometheus)
  })
})

t.test('the reconciler, back again, takes back what other hands changed', async (t) => {
  await scale(reconcilerNamespace, 'windlass', 2)
  await passes(t, reconcilerReady)
  for (const step of [servedByIngress, driftCorrected, badReleaseRolledBack, leaderKilledReleaseCompletes])
    await passes(t, step)
})

t.test('what the story tells to type with kubectl is what kubectl takes', async (t) => {
  const lines = whatToLookAt(context)
    .split('\n')
    .map((line) => line.trim())
  const setting = lines.find((line) => line.startsWith('export '))
  const commands = lines.filter((line) => line.startsWith('kubectl '))
  t.ok(commands.length > 0, `${commands.length} commands`)
  for (const command of commands) {
    const script = `${setting}; ${command}`
    await t.resolves(platform.cluster.exec('bash', ['-euc', script], { env: { KUBE_EDITOR: 'true' }, signal }), command)
  }
})

async function contextOf(platform: Platform): Promise<DemoContext> {
  const { cluster } = platform
  await deployPredictorTenant({ cluster, signal })
  const world = openWorld({
    kubeconfig: cluster.kubeconfig,
    ingressUrl: platform.ingressUrl,
    ingressHost: predictorHost,
  })
  const [pod] = (await world.core.listNamespacedPod({ namespace: reconcilerNamespace })).items
  const digest = pod === undefined ? '' : (runningDigest(pod, 'windlass') ?? '')
  return {
    ...makeContext(cluster.name, signal),
    cluster,
    platform,
    world,
    scratch: await makeScratchRepository(checkout, join(cluster.stateDir, 'scratch'), signal),
    reconciler: { digest, reference: `${names.registryHost}/windlass@${digest}` },
  }
}

async function acts(t: Test, step: Step<DemoContext>): Promise<void> {
  const { ok, detail } = await runStep(step, context, (line) => t.comment(line))
  t.ok(ok, `${step.name}: ${detail}`)
}

async function passes(t: Test, step: Step<DemoContext>): Promise<void> {
  const { ok, detail } = await step.check(context, { timeoutMs: 120_000, signal })
  t.ok(ok, `${step.name}: ${detail}`)
}

/** Waits until it turns false, by what the pattern says. */
async function fails(t: Test, step: Step<DemoContext>, by: RegExp = /./, withinMs = 30_000): Promise<void> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const { ok, detail } = await step.check(context, { timeoutMs: 0, signal })
    if ((!ok && by.test(detail)) || performance.now() > deadline) {
      t.notOk(ok, `${step.name} turns false: ${detail}`)
      t.match(detail, by)
      return
    }
    await sleep(200, undefined, { signal })
  }
}

async function kubectl(...args: readonly string[]): Promise<void> {
  await platform.cluster.exec('kubectl', args, { signal })
}

async function inPredictor(...args: readonly string[]): Promise<void> {
  await kubectl('--namespace', predictorNamespace, ...args)
}

async function annotateDelivery(annotation: string): Promise<void> {
  await inPredictor('annotate', '--overwrite', 'delivery', 'predictor', annotation)
}

/** As another hand does it: by digest alone. */
async function setImage(name: ReleaseName): Promise<void> {
  const image = `${names.registryHost}/${repositories.predictor}@${releaseOf(context, name).digest}`
  await inPredictor('set', 'image', 'deployment/predictor', `predictor=${image}`)
}

async function scale(namespace: string, deployment: string, replicas: number): Promise<void> {
  await kubectl('--namespace', namespace, 'scale', `deployment/${deployment}`, `--replicas=${replicas}`)
}
