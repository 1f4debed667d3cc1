/** The predictor, rolled out and gone back from again and again, while it is asked through the Ingress all the time. */
import t from 'tap'
import { request } from 'undici'
import { queryPrometheus } from '../../bootstrap/local/prometheus/query.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import { apply, deployTenant, readMoved } from './delivered.ts'
import { identity, withContainer, withHost, withStagedReleases, type StagedReleases } from './predictor-releases.ts'
import { openStage } from './rollout-scene.ts'
import { startSteadyLoad } from './steady-load.ts'
import { untilAvailable } from './watch-replicas.ts'

t.setTimeout(1_150_000)
const platform = await sharedPlatform(t)
const cluster = openStage(t, platform)
const { admin, signal } = cluster
const web = await deployTenant(cluster, 'load', { rollout: { timeout: '2m' } })
const { namespace, repository } = web
const host = `${namespace}.windlass.test`
const objects = await readMoved('release', namespace)

/** Every fifth fails, once a part of the traffic is on it. */
const tags = Array.from({ length: 26 }, (_, index) => `r${index + 1}`)
const [first = '', ...rest] = tags
const isBad = (tag: string) => Number(tag.slice(1)) % 5 === 1 && tag !== first

t.test('20 rollouts and 5 goings back under load lose no request', async (t) => {
  await setGate('1')
  const releases = tags.map((tag) => ({ tag, documents: objects.map((object) => documentOf(object, tag)) }))
  await withStagedReleases(platform, repository, releases, signal, async (staged) => {
    await staged.release(first)
    await web.untilRuns(first)
    await untilServed()
    const load = startSteadyLoad(t, {
      url: platform.ingressUrl,
      host,
      keptPerSecond: 60,
      newPerSecond: 30,
      mostMs: 1_100_000,
    })
    const startedAt = performance.now()
    try {
      for (const tag of rest) await (isBad(tag) ? fail(staged, tag) : rollOut(staged, tag))
    } finally {
      const seconds = Math.round((performance.now() - startedAt) / 1_000)
      const { kept, fresh, failures, revisions } = await load.stop()
      const good = rest.filter((tag) => !isBad(tag))
      t.comment(
        `told: ${kept} requests on kept connections and ${fresh} on new ones in ${seconds} s, ` +
          `during ${good.length} rollouts and ${rest.length - good.length} goings back: ${failures.length} failed; ` +
          `the Ingress tried ${await retries()} connections to pods again`,
      )
      t.same(failures.slice(0, 20), [], 'none failed')
      t.equal(failures.length, 0)
      t.same(
        tags.filter((tag) => !revisions.has(tag)),
        [],
        'each release answered some, those that were gone back from included',
      )
    }
  })
})

async function rollOut(staged: StagedReleases, tag: string): Promise<void> {
  await staged.release(tag)
  await web.untilRuns(tag)
}

/** Its first pod becomes ready and takes traffic; the second finds a configuration that it can not start with. */
async function fail(staged: StagedReleases, tag: string): Promise<void> {
  await staged.release(tag)
  await waitFor(
    async () => (await isRunning(tag)) || undefined,
    () => `a pod of ${tag} to run`,
    { timeoutMs: 60_000, everyMs: 50 },
  )
  await setGate('broken')
  await web.until(
    `${tag} to be gone back from`,
    ({ status }) =>
      status?.failed?.revision.tag === tag &&
      status.rollout === undefined &&
      (status.conditions ?? []).some(({ type, reason }) => type === 'Ready' && reason === 'RolledBack'),
  )
  await setGate('1')
}

/** As it is shipped, but that each release says who it is, is probed twice as often, and takes no slow machine for load. */
function documentOf(object: KubeObject, tag: string): KubeObject {
  const seed = { name: 'PREDICTOR_SEED', valueFrom: { configMapKeyRef: { name: 'gate', key: 'seed' } } }
  const env = [...identity(tag), ...(isBad(tag) ? [seed] : [])]
  const readinessProbe = {
    httpGet: { port: 'http', path: '/readyz' },
    periodSeconds: 1,
    timeoutSeconds: 2,
    failureThreshold: 2,
  }
  const workload = withContainer(object, repository, { env, readinessProbe })
  return withHost(isBad(tag) ? withReadyPodsWaiting(workload) : workload, host)
}

/** No second pod comes before the gate is shut, however late this test is told of the first. */
function withReadyPodsWaiting(object: KubeObject): KubeObject {
  return object.kind === 'Deployment'
    ? { ...object, spec: { ...(object['spec'] as object), minReadySeconds: 10 } }
    : object
}

async function setGate(seed: string): Promise<void> {
  await apply(cluster, namespace, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'gate' }, data: { seed } })
}

interface RawPod {
  readonly spec: { readonly containers: readonly [{ readonly image: string }] }
  readonly status: { readonly containerStatuses?: ReadonlyArray<{ readonly state: { readonly running?: object } }> }
}

async function isRunning(tag: string): Promise<boolean> {
  const path = `/api/v1/namespaces/${namespace}/pods`
  const { items } = await admin.request<{ readonly items: readonly RawPod[] }>({
    method: 'GET',
    path,
    what: 'list pods',
    signal,
  })
  return items.some(
    ({ spec, status }) =>
      spec.containers[0].image.includes(`:${tag}@`) && status.containerStatuses?.[0]?.state.running !== undefined,
  )
}

/** Two pods, as the autoscaler wants, and the Ingress has heard of them. */
async function untilServed(): Promise<void> {
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'predictor' } }
  await untilAvailable(web, deployment, 2)
  await waitFor(
    async () => {
      const { statusCode, body } = await request(`${platform.ingressUrl}/version`, { headers: { host }, reset: true })
      await body.dump()
      return statusCode === 200 || undefined
    },
    () => 'the Ingress to serve it',
    { timeoutMs: 60_000 },
  )
}

/** By the word of HAProxy: connections that were refused, and opened anew before a request was sent. */
async function retries(): Promise<number> {
  const samples = await queryPrometheus(
    platform.prometheusUrl,
    `sum(haproxy_backend_retry_warnings_total{proxy=~"${namespace}:.*"})`,
  )
  return samples[0]?.value ?? Number.NaN
}
