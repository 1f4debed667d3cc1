import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { checkout } from '../local/checkout.ts'
import { platform as names } from '../local/backend.ts'
import type { Platform } from '../local/platform.ts'
import { deployPredictorTenant } from '../local/predictor.ts'
import { sharedPlatform } from '../local/testing-platform.ts'
import { type DemoContext, predictorHost, predictorNamespace, reconcilerNamespace } from './context.ts'
import { makeScratchRepository } from './scratch-repository.ts'
import type { Step } from './step.ts'
import { runStep } from './story.ts'
import { clusterUp } from './steps/cluster-up.ts'
import { reconcilerReady } from './steps/reconciler-ready.ts'
import { registryUp } from './steps/registry-up.ts'
import { firstRelease, secondRelease, servedByIngress } from './steps/releases.ts'
import { scrapedByPrometheus } from './steps/scraped-by-prometheus.ts'
import { tornDown } from './steps/torn-down.ts'
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

t.test('a reconciler that lacks a replica turns reconciler-ready false', async (t) => {
  await scale(reconcilerNamespace, 'windlass', 1)
  await fails(t, reconcilerReady)

  // While nobody reconciles, what is broken below stays broken.
  await scale(reconcilerNamespace, 'windlass', 0)
  await kubectl('--namespace', reconcilerNamespace, 'wait', 'pods', '--all', '--for=delete', '--timeout=60s')

  await t.test('an Ingress that is gone turns served-by-ingress and second-release false', async (t) => {
    await kubectl('--namespace', predictorNamespace, 'delete', 'ingress', '--all')
    await fails(t, servedByIngress)
    await fails(t, secondRelease)
  })

  await t.test('pods of another image turn second-release false', async (t) => {
    const first = context.releases[0]?.digest ?? ''
    const image = `predictor=${names.registryHost}/predictor@${first}`
    await kubectl('--namespace', predictorNamespace, 'set', 'image', 'deployment/predictor', image)
    await kubectl('--namespace', predictorNamespace, 'rollout', 'status', 'deployment/predictor', '--timeout=120s')
    await fails(t, secondRelease)
  })

  await t.test('targets that are gone turn scraped-by-prometheus false', async (t) => {
    await fails(t, scrapedByPrometheus, 30_000)
  })
})

t.test('the reconciler, back again, takes back what other hands changed', async (t) => {
  await scale(reconcilerNamespace, 'windlass', 2)
  await passes(t, reconcilerReady)
  await passes(t, secondRelease)
  await passes(t, servedByIngress)
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
    clusterName: cluster.name,
    cluster,
    platform,
    world,
    scratch: await makeScratchRepository(checkout, join(cluster.stateDir, 'scratch'), signal),
    reconciler: { digest, reference: `${names.registryHost}/windlass@${digest}` },
    releases: [],
    pushToReadyMs: [],
    signal,
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

async function fails(t: Test, step: Step<DemoContext>, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const { ok, detail } = await step.check(context, { timeoutMs: 0, signal })
    if (!ok || performance.now() > deadline) {
      t.notOk(ok, `${step.name} turns false: ${detail}`)
      return
    }
    await sleep(200, undefined, { signal })
  }
}

async function kubectl(...args: readonly string[]): Promise<void> {
  await platform.cluster.exec('kubectl', args, { signal })
}

async function scale(namespace: string, deployment: string, replicas: number): Promise<void> {
  await kubectl('--namespace', namespace, 'scale', `deployment/${deployment}`, `--replicas=${replicas}`)
}
