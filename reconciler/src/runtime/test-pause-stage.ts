/** What the scenes of pauses share: Deliveries that have come so far, and what can be put in their way. */
import type { Test } from 'tap'
import { installRefusal, labelNamespace } from './test-admission.ts'
import type { Tenancy, TestLoop, TestSpec } from './test-loop.ts'
import { configMap, type Held, type Level } from './test-pauses.ts'
import { settings, workload } from './test-registry.ts'

export interface Scene {
  readonly begin: (purpose: string) => Promise<Tenancy>
  readonly meanwhile: (web: Tenancy) => Promise<unknown>
  readonly held: Readonly<Record<Held, (t: Test, web: Tenancy, level: Level) => Promise<unknown>>>
  /** Once nothing is paused any more. */
  readonly after: (t: Test, web: Tenancy) => Promise<unknown>
  /** It is a release, in one way or another, that does not begin, in neither mode. */
  readonly isRelease?: boolean
  /** There is the object on which a pause may stand. */
  readonly needsObject: boolean
  /** The pause ends it, so that nobody sees it hold. */
  readonly endsByPause?: boolean
}

/** In whatever is held, it is the same. */
export const sameFor = (work: (t: Test, web: Tenancy) => Promise<unknown>): Scene['held'] => ({
  everything: work,
  'the object': work,
  releases: work,
})

/** Of what a test asks as the account, to see what it may. */
export const probePrefix = 'settings-probe-'

export const refusesWrites = 'refuses-writes'
export const refusesDeletion = 'refuses-deletion'

export interface PauseStage {
  /** A Delivery of which nothing was pushed yet. */
  readonly fresh: (purpose: string) => Promise<Tenancy>
  /** Its first push runs. */
  readonly running: (purpose: string, spec?: TestSpec, ...more: readonly object[]) => Promise<Tenancy>
  /** Its second push is awaited. */
  readonly awaited: (purpose: string, ...more: readonly object[]) => Promise<Tenancy>
  /** The second one failed, and the first is awaited again. */
  readonly goingBack: (purpose: string) => Promise<Tenancy>
  readonly push: (web: Tenancy, value: string, ...more: readonly object[]) => void
  /** Lets going back come to its end. */
  /** Puts a policy in force for a Delivery's Namespace, or out of it. */
  readonly inForce: (web: Tenancy, label: string, isWanted: boolean) => Promise<void>
}

export async function setPauseStage(loop: TestLoop): Promise<PauseStage> {
  const { cluster } = loop
  const isOther = "!object.metadata.name.startsWith('settings')"
  await installRefusal(cluster, {
    label: refusesWrites,
    operations: ['CREATE', 'UPDATE'],
    unless: `request.dryRun || ${isOther}`,
  })
  await installRefusal(cluster, { label: refusesDeletion, operations: ['DELETE'], unless: 'request.dryRun' })

  let probes = 0
  const documents = ({ namespace }: Tenancy, a: string, ...more: readonly object[]) => [
    ...more,
    settings({ a }),
    workload(namespace),
  ]

  async function running(purpose: string, spec: TestSpec = {}, ...more: readonly object[]): Promise<Tenancy> {
    const web = await loop.deliver(purpose, spec)
    push(web, '1', ...more)
    await web.release('r1')
    return web
  }

  async function awaited(purpose: string, ...more: readonly object[]): Promise<Tenancy> {
    const web = await running(purpose, {}, ...more)
    push(web, '2')
    await web.untilAwaited('r2')
    return web
  }

  async function goingBack(purpose: string): Promise<Tenancy> {
    const web = await awaited(purpose)
    await web.fail()
    await web.untilGoingBack()
    return web
  }

  function push(web: Tenancy, a: string, ...more: readonly object[]): void {
    web.registry.push({ documents: documents(web, a, ...more) })
    web.poll()
  }

  async function inForce(web: Tenancy, label: string, isWanted: boolean): Promise<void> {
    await labelNamespace(cluster, web.namespace, label, isWanted)
    await loop.until(async () => (await isRefused(web, label)) === isWanted, `${label} to be ${isWanted}`)
  }

  /** By what is no object of the Delivery, asked for as its account. */
  async function isRefused(web: Tenancy, label: string): Promise<boolean> {
    probes += 1
    const name = `${probePrefix}${probes}`
    const tenant = { namespace: web.namespace, serviceAccountName: 'deployer' }
    const path = `/api/v1/namespaces/${web.namespace}/configmaps`
    const { admin, signal } = cluster
    const request = { what: 'probe', tenant, signal }
    if (label === refusesDeletion) await web.create('v1/configmaps', { metadata: { name } })
    const answer =
      label === refusesDeletion
        ? await admin.send({ method: 'DELETE', path: `${path}/${name}`, ...request })
        : await admin.send({ method: 'POST', path, body: { metadata: { name } }, ...request })
    return !answer.ok && answer.refusal.code === 403
  }

  const fresh = (purpose: string) => loop.deliver(purpose)
  return { fresh, running, awaited, goingBack, push, inForce }
}

export async function untilValue(web: Tenancy, a: string): Promise<void> {
  await web.untilObject(configMap, (object) => (object?.['data'] as { a?: string } | undefined)?.a === a)
}
