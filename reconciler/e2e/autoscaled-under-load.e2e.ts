/** The predictor, scaled up by the cluster's own autoscaler under load and down again after it, and released meanwhile. */
import t from 'tap'
import { endOfAuditLog, isWrite, readAuditLogFrom, type AuditEvent } from '../../bootstrap/local/audit-log.ts'
import { reconcilerIdentity } from '../../bootstrap/local/identities.ts'
import { startMetricsServer } from '../../bootstrap/local/native/metrics-server.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { fieldManager } from '../src/api/annotations.ts'
import { supportedKinds } from '../src/api/kinds.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import { deployTenant, readMoved } from './delivered.ts'
import { identity, withContainer, withHost, withStagedReleases } from './predictor-releases.ts'
import { openStage } from './rollout-scene.ts'
import { startSteadyLoad } from './steady-load.ts'
import { untilAvailable, watchReplicas } from './watch-replicas.ts'

t.setTimeout(840_000)
const platform = await sharedPlatform(t)
const cluster = openStage(t, platform)
const { signal } = cluster
const { auditLog } = platform.cluster
const metricsServer = await startMetricsServer(platform.cluster, { signal, onStep: (step) => t.comment(step) })
t.teardown(() => metricsServer.remove())
const web = await deployTenant(cluster, 'scaled', { rollout: { timeout: '2m' } })
const { namespace, repository } = web
const host = `${namespace}.windlass.test`
const objects = await readMoved('release', namespace)
const deployment = find('Deployment')
const autoscaler = find('HorizontalPodAutoscaler')

const least = 2
const most = 4
/** A small part of a processor, so that a little load is much of it, on a fast machine too. */
const requests = { cpu: '25m', memory: '128Mi' }

const controller = 'system:serviceaccount:kube-system:horizontal-pod-autoscaler'
const reconciler = `system:serviceaccount:${reconcilerIdentity.namespace}:${reconcilerIdentity.serviceAccount}`
const delivered = new Set<string | undefined>(supportedKinds.map(({ plural }) => plural))

t.test(
  'load scales it up, a release in between keeps the number, quiet scales it down, and nobody argues',
  async (t) => {
    const releases = ['r1', 'r2'].map((tag) => ({ tag, documents: objects.map((object) => documentOf(object, tag)) }))
    await withStagedReleases(platform, repository, releases, signal, async (staged) => {
      await staged.release('r1')
      await web.untilRuns('r1')
      await untilAvailable(web, deployment, least)
      await untilMeasured()
      const quietSince = await endOfAuditLog(auditLog)
      const seen = await watchReplicas(t, cluster, web, deployment)

      const load = startSteadyLoad(t, {
        url: platform.ingressUrl,
        host,
        keptPerSecond: 250,
        newPerSecond: 10,
        mostMs: 600_000,
      })
      await untilAvailable(web, deployment, most)
      const released = { fromByte: await endOfAuditLog(auditLog), version: (await seen()).length }
      t.same(await writesOf(reconciler, quietSince), [], 'while it was scaled up, the reconciler wrote nothing')

      await staged.release('r2')
      await web.untilRuns('r2')
      await untilAvailable(web, deployment, most)
      const during = (await seen()).slice(released.version)
      t.ok(during.length > 5, `${during.length} versions of the Deployment were seen during the release`)
      t.same([...new Set(during.map(({ wanted }) => wanted))], [most], 'the number that is wanted')
      t.same(
        during.filter(({ available }) => available < most),
        [],
        'and of pods that were there',
      )
      const applied = await writesOf(reconciler, released.fromByte)
      t.ok(
        applied.some((write) => write.startsWith('patch deployments/predictor')),
        'the release was applied',
      )
      t.same(
        applied.filter((write) => write.includes('/scale')),
        [],
        'but its number of pods was left alone',
      )

      const afterRelease = await endOfAuditLog(auditLog)
      const { kept, fresh, failures } = await load.stop()
      await untilAvailable(web, deployment, least)
      t.same(failures.slice(0, 20), [], `none of ${kept + fresh} requests failed`)
      t.same(await writesOf(reconciler, afterRelease), [], 'while it was scaled down, the reconciler wrote nothing')

      const numbers = (await seen()).map(({ wanted }) => wanted).filter((one, index, all) => one !== all[index - 1])
      t.comment(`told: the number of pods that was wanted: ${numbers.join(', ')}`)
      t.same([numbers[0], Math.max(...numbers), numbers.at(-1)], [least, most, least])
      const scaled = await writesOf(controller, quietSince)
      t.ok(scaled.filter((write) => write === 'update deployments/predictor/scale').length >= 2, 'by the autoscaler')
    })
  },
)

t.test('the number is no field that the reconciler applied, by the word of the API server', async (t) => {
  const { managedFields = [] } = (await web.read(deployment))?.metadata ?? {}
  const specs = managedFields.map(({ manager, fieldsV1 }) => {
    const { 'f:spec': spec = {} } = fieldsV1 as Readonly<Record<string, object>>
    return [manager, Object.keys(spec)] as const
  })
  const applied = new Map(specs).get(fieldManager) ?? []
  t.ok(applied.includes('f:template'), 'others are')
  t.notOk(applied.includes('f:replicas'))
})

/** As it is shipped, but that the autoscaler has less to wait for, and each release says who it is. */
function documentOf(object: KubeObject, tag: string): KubeObject {
  if (object.kind === 'HorizontalPodAutoscaler') {
    const spec = object['spec'] as { readonly behavior: { readonly scaleUp: object; readonly scaleDown: object } }
    const scaleDown = {
      stabilizationWindowSeconds: 30,
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    }
    const behavior = { ...spec.behavior, scaleDown }
    return { ...object, spec: { ...spec, minReplicas: least, maxReplicas: most, behavior } }
  }
  return withHost(withContainer(object, repository, { env: identity(tag), resources: { requests } }), host)
}

/** Writes to what is delivered since a place in the log, whomever their author impersonated. */
async function writesOf(author: string, fromByte: number): Promise<readonly string[]> {
  const isMeant = (event: AuditEvent): boolean =>
    isWrite(event) &&
    event.user.username === author &&
    event.objectRef?.namespace === namespace &&
    delivered.has(event.objectRef.resource)
  return (await readAuditLogFrom(auditLog, fromByte))
    .filter(isMeant)
    .map(({ verb, objectRef: { resource, name, subresource } = {} }) =>
      [`${verb} ${resource}`, name, subresource].filter((part) => part !== undefined).join('/'),
    )
}

/** The autoscaler goes by what pods use from then on. */
async function untilMeasured(): Promise<void> {
  const read = async () =>
    (await web.read(autoscaler))?.['status'] as
      { readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }> } | undefined
  await waitFor(
    async () =>
      (await read())?.conditions?.some(({ type, status }) => type === 'ScalingActive' && status === 'True') ||
      undefined,
    async () => `the autoscaler to know what the pods use; it is ${JSON.stringify(await read(), undefined, 1)}`,
    { timeoutMs: 180_000, everyMs: 500 },
  )
}

function find(kind: string): KubeObject {
  const found = objects.find((object) => object.kind === kind)
  if (found === undefined) throw new Error(`the predictor's release holds no ${kind}`)
  return found
}
