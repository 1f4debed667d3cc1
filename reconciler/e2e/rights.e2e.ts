/**
 * The rights of the manifests against those that the audit log shows used. All that uses one is done here, so that the
 * file says the same alone as after all others; what the others did is in the same log, and counts as well.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { readAuditLog, type AuditEvent } from '../../bootstrap/local/audit-log.ts'
import { checkout } from '../../bootstrap/local/checkout.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import type { Rule } from '../src/kube/test-cluster.ts'
import { deployTenant, mayAlso, readMoved, type Delivered } from './delivered.ts'
import { describeAll, isOf, isRefused, rightsOf, usesOf, type Right, type Use } from './rights.ts'
import { openStage } from './rollout-scene.ts'
import { heldUp, named, route, routeDefinition, withReplicas, withShell, type Shape } from './test-documents.ts'
import { pushRelease } from './test-releases.ts'

t.setTimeout(600_000)
const platform = await sharedPlatform(t)
const cluster = openStage(t, platform)
const { signal } = cluster
const { auditLog } = platform.cluster
const ownNamespace = 'windlass-system'
const reconciler = `system:serviceaccount:${ownNamespace}:windlass`

const shop = await deployTenant(cluster, 'rights', { rollout: { timeout: '45s', onFailure: 'RollBack' } })
// Of another tenant, for the predictor's own may have none.
const quiet = { rollout: { timeout: '45s', onFailure: 'RollBack', logs: false } } as const
const mayHaveRoutes = mayAlso('routes', [
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes'], verbs: ['*'] },
])
const routes = await deployTenant(cluster, 'routes', quiet, mayHaveRoutes)
const release = await readMoved('release', shop.namespace)
const deployment = find('Deployment')

t.test('a release, one that fails, one with less in it, drift, a restart and a deletion go through', async (t) => {
  await cluster.install(routeDefinition)
  await push(shop, 'r1', release)
  await push(routes, 'r1', [...(await readMoved('release', routes.namespace)), route])
  await shop.untilRuns('r1')
  await routes.untilRuns('r1')

  // Never ready, beside a pod that waits for a ConfigMap: its last lines are read, and the Events that tell why.
  const waiting = named(heldUp(deployment), 'waiting')
  const neverReady = { script: 'echo not yet; exec /busybox sleep 3600', probe: ['/busybox', 'false'] }
  await push(shop, 'r2', [...release, waiting], neverReady)
  await push(routes, 'r2', [...(await readMoved('release', routes.namespace)), route], neverReady)
  const failed = { revision: { tag: 'r2' } }
  t.match((await shop.untilRolledBack()).status, { current: { tag: 'r1' }, failed: { ...failed, log: /not yet/ } })
  const { status: untold } = await routes.untilRolledBack()
  t.match(untold, { current: { tag: 'r1' }, failed: { ...failed, reason: String } })
  t.equal(untold?.failed?.log, undefined, 'its Delivery keeps no log lines')

  // Without its autoscaler it names a number, so that others' autoscalers are looked for.
  const fewer = release.filter(({ kind }) => kind !== 'HorizontalPodAutoscaler')
  await push(
    shop,
    'r3',
    fewer.map((object) => withReplicas(object, 2)),
  )
  t.match((await shop.untilRuns('r3')).status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })

  const settings = find('ConfigMap')
  for (const tenant of [shop, routes]) {
    for (const level of ['debug', 'trace']) {
      await tenant.edit(settings, { data: { LOG_LEVEL: level } })
      await untilData(tenant, settings, 'LOG_LEVEL', 'info')
    }
  }

  // A leader that ends counts what its last Events were repeated.
  const leader = ['delete', 'pod', '--namespace', ownNamespace, '--selector', 'windlass.dev/leader=true', '--wait']
  await platform.cluster.exec('kubectl', leader, { signal })
  for (const tenant of [shop, routes]) {
    await tenant.patchDelivery({ spec: { deletionPolicy: 'Delete' } })
    await tenant.until('the finalizer', ({ metadata }) => (metadata.finalizers ?? []).length > 0)
    await tenant.deleteDelivery()
  }
  await Promise.all([shop.untilGone(), routes.untilGone()])
  for (const object of fewer) {
    const found = await shop.read(object)
    t.ok(found === undefined || found.metadata.deletionTimestamp !== undefined, `${object.kind} is deleted`)
  }
})

t.test('the reconciler has the rights that it uses as itself, and no other', async (t) => {
  const given = {
    cluster: await rightsIn('reconciler', 'ClusterRole'),
    own: await rightsIn('reconciler', 'Role'),
    tenant: await rightsIn('predictor/operator', 'Role', 'windlass'),
  }
  const { uses, refused } = await eventually(
    () => usesBy('asker'),
    ({ uses }) =>
      [...given.cluster, ...given.own, ...given.tenant].every((right) => uses.some((use) => isOf(use, right))),
  )
  t.same(refused, [], 'nothing was refused')

  const { cluster: everywhere, rest } = split(uses, given.cluster)
  const own = rest.filter(({ namespace }) => namespace === ownNamespace)
  const theirs = rest.filter(({ namespace }) => namespace !== ownNamespace)
  compare(t, everywhere, given.cluster, 'the ClusterRole')
  compare(t, own, given.own, 'the Role in its own namespace')
  compare(t, theirs.filter(isOfShop), given.tenant, "the Role in a tenant's namespace")
  const unbound = given.tenant.map(({ group, resource, verb }) => ({ group, resource, verb }))
  t.same(
    describeAll(theirs.filter((use) => !unbound.some((right) => isOf(use, right)))),
    [],
    'in no namespace it does more than in that of a tenant',
  )

  const narrow = given.cluster.filter((right) => new Set(placesOf(everywhere, right)).size < 2)
  t.same(
    describeAll(narrow.filter((right) => !placesOf(everywhere, right).includes('the whole cluster'))),
    [],
    'what is used in one namespace alone needs no ClusterRole',
  )
})

t.test("a tenant's account has the rights that are used as it, and no other", async (t) => {
  const given = await rightsIn('predictor/operator', 'Role', 'predictor-deployer')
  const { uses, refused } = await usesBy('tenant')

  t.same(refused, [], 'nothing was refused')
  compare(t, uses.filter(isOfShop), given, 'the Role of the account')
  t.same(
    describeAll(uses.filter(({ namespace }) => namespace === undefined)),
    [],
    'nothing was asked of the whole cluster',
  )
})

function compare(t: Tap, uses: readonly Use[], given: readonly Right[], what: string): void {
  t.ok(given.length > 0, `${what} gives ${given.length} rights`)
  t.same(
    describeAll(given.filter((right) => !uses.some((use) => isOf(use, right)))),
    [],
    `${what}: given, and not used`,
  )
  t.same(
    describeAll(uses.filter((use) => !given.some((right) => isOf(use, right)))),
    [],
    `${what}: used, and not given`,
  )
}
type Tap = Pick<typeof t, 'ok' | 'same'>

/** What a ClusterRole gives is used everywhere; the rest must be given where it is used. */
function split(uses: readonly Use[], everywhere: readonly Right[]) {
  const isCovered = (use: Use) => everywhere.some((right) => isOf(use, right))
  return { cluster: uses.filter(isCovered), rest: uses.filter((use) => !isCovered(use)) }
}

function placesOf(uses: readonly Use[], right: Right): readonly string[] {
  return uses.filter((use) => isOf(use, right)).map(({ namespace }) => namespace ?? 'the whole cluster')
}

function isOfShop({ namespace }: Use): boolean {
  return namespace === shop.namespace
}

/** Of the whole run; a request as an account of another tenant is not told of the tenant's. */
async function usesBy(whose: 'asker' | 'tenant') {
  const isTold = ({ stage, user, impersonatedUser }: AuditEvent) =>
    stage !== 'RequestReceived' &&
    user.username === reconciler &&
    (whose === 'asker' || impersonatedUser?.username === `system:serviceaccount:${shop.namespace}:predictor-deployer`)
  const events = await readAuditLog(auditLog, isTold)
  const isOwn = ({ impersonatedUser }: AuditEvent) => whose === 'tenant' || impersonatedUser === undefined
  // A Namespace that goes loses its RoleBindings before the objects that they gave rights to.
  const staying = await stayingNamespaces()
  const isStaying = ({ objectRef }: AuditEvent) =>
    objectRef?.namespace === undefined || staying.has(objectRef.namespace) || objectRef.namespace === shop.namespace
  return {
    uses: events.filter((event) => !isRefused(event)).flatMap((event) => usesOf(event, whose)),
    refused: describeAll(
      events
        .filter((event) => isRefused(event) && isOwn(event) && isStaying(event))
        .flatMap((event) => usesOf(event, whose)),
    ),
  }
}

/** An answer is in the log a moment after it was sent. */
async function eventually<T>(look: () => Promise<T>, isWhole: (seen: T) => boolean): Promise<T> {
  const endsAt = performance.now() + 10_000
  return waitFor(
    async () => {
      const seen = await look()
      return isWhole(seen) || performance.now() > endsAt ? seen : undefined
    },
    () => 'the audit log',
    { timeoutMs: 30_000, everyMs: 500 },
  )
}

async function rightsIn(folder: string, kind: string, name = 'windlass'): Promise<readonly Right[]> {
  const path = join(checkout, 'manifests', folder)
  const texts = await Promise.all((await readdir(path)).map((file) => readFile(join(path, file), 'utf8')))
  const roles = texts.map((text) => parse(text) as KubeObject & { readonly rules?: readonly Rule[] })
  const found = roles.filter((role) => role.kind === kind && role.metadata.name === name)
  const rules = found.flatMap(({ rules = [] }) => rules)
  return rightsOf(rules)
}

async function push(
  { repository }: Pick<Shape, 'repository'>,
  tag: string,
  objects: readonly KubeObject[],
  shape: Omit<Shape, 'repository'> = {},
): Promise<void> {
  const documents = objects.map((object) => withShell(object, { repository, ...shape }))
  await pushRelease(platform, { repository, tag, sequence: Number(tag.slice(1)), documents, signal })
}

function find(kind: string): KubeObject {
  const found = release.find((object) => object.kind === kind)
  if (found === undefined) throw new Error(`the predictor's release holds no ${kind}`)
  return found
}

async function untilData(tenant: Delivered, object: KubeObject, key: string, value: string): Promise<void> {
  const read = async () => ((await tenant.read(object))?.['data'] as Record<string, string> | undefined)?.[key]
  await waitFor(
    async () => (await read()) === value || undefined,
    async () => `${key} to be ${value} again; it is ${await read()}`,
    { timeoutMs: 60_000 },
  )
}

async function stayingNamespaces(): Promise<ReadonlySet<string>> {
  const { stdout } = await platform.cluster.exec('kubectl', ['get', 'namespaces', '--output', 'json'], { signal })
  const { items } = JSON.parse(stdout) as { readonly items: readonly KubeObject[] }
  const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  return new Set(staying.map(({ metadata: { name } }) => name))
}
