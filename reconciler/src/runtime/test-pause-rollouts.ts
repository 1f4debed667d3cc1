/** Rollouts and deletions that are under way when a pause comes, and what is seen of them then and afterwards. */
import type { Test } from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import type { Delivery } from '../api/delivery.ts'
import { conditionOf, type Tenancy } from './test-loop.ts'
import { refusesDeletion, refusesWrites, sameFor, untilValue, type PauseStage, type Scene } from './test-pause-stage.ts'
import { configMap, deployment } from './test-pauses.ts'
import { settings } from './test-registry.ts'

export function rolloutScenes(stage: PauseStage): Readonly<Record<string, Scene>> {
  const { running, awaited, goingBack, push, inForce } = stage
  return {
    'a rollout that becomes ready, and objects that it no longer holds': {
      begin: (purpose) => awaited(purpose, settings({}, 'older')),
      meanwhile: (web) => web.rollOut(),
      held: {
        everything: async (t, web) => {
          const { status } = await web.until('nothing but the pause to be told', (delivery) =>
            /^the rollout of r2 is held: [^;]*$/.test(messageOf(delivery)),
          )
          t.match(status, { current: { tag: 'r1' }, rollout: { phase: 'Waiting' } })
          t.notOk(status?.rollout?.deadline, 'its time stands still')
          t.ok(await web.object('v1/configmaps/older'))
        },
        'the object': async (t, web) => {
          const { status } = await web.until('r2 to run', ({ status }) => status?.current?.tag === 'r2')
          t.match(status, { rollout: { phase: 'Pruning' } })
          t.ok(await web.object('v1/configmaps/older'), 'nothing is deleted either')
        },
        releases: async (t, web) => {
          await web.until('r2 to run', ({ status }) => status?.current?.tag === 'r2' && status.rollout === undefined)
          t.notOk(await web.object('v1/configmaps/older'))
        },
      },
      needsObject: true,
      after: async (t, web) => {
        await web.until('r2 to run', ({ status }) => status?.current?.tag === 'r2' && status.rollout === undefined)
        t.notOk(await web.object('v1/configmaps/older'))
      },
    },
    'a rollout that fails': {
      begin: awaited,
      meanwhile: (web) => web.fail(),
      held: {
        everything: async (t, web) => {
          const held = await web.until('the failure to be told', (delivery) =>
            /progress deadline/.test(messageOf(delivery)),
          )
          t.match(held.status?.rollout, { phase: 'Waiting', revision: { tag: 'r2' } })
          t.notOk(held.status?.failed, 'it is told, and not gone back from')
        },
        'the object': async (t, web) => {
          const held = await web.until('the failure', ({ status }) => status?.failed !== undefined)
          t.match(held.status?.rollout, { purpose: 'GoBack', phase: 'Applying' }, 'the object would be written')
          await web.until('that to be said', (delivery) =>
            messageOf(delivery).startsWith('going back to r1 is held: ConfigMap settings is paused'),
          )
        },
        releases: async (t, web) => t.match((await web.goBack()).status, { current: { tag: 'r1' } }),
      },
      needsObject: true,
      after: async (t, web) => {
        const { status } = await web.delivery()
        const back = status?.history?.[0]?.outcome === 'RolledBack' ? await web.untilRolledBack() : await web.goBack()
        t.match(back.status, { current: { tag: 'r1' }, quarantine: [{ tag: 'r2' }] })
        await untilValue(web, '1')
      },
    },
    'going back': {
      begin: goingBack,
      meanwhile: (web) => web.rollOut(),
      held: {
        everything: async (t, web) => {
          const held = await web.until(
            'no deadline',
            ({ status }) => status?.rollout !== undefined && !status.rollout.deadline,
          )
          t.match(held.status?.rollout, { purpose: 'GoBack', phase: 'Waiting' })
        },
        'the object': isBack,
        releases: isBack,
      },
      needsObject: true,
      after: isBack,
    },
    'a release in the midst of its writes': {
      begin: async (purpose) => {
        const web = await running(purpose)
        await inForce(web, refusesWrites, true)
        push(web, '2', settings({}, 'added'))
        await web.untilObject('v1/configmaps/added', (object) => object !== undefined)
        await web.untilReason('ApplyRefused')
        return web
      },
      meanwhile: async (web) => {
        await inForce(web, refusesWrites, false)
        await web.annotate({ [hand.reconcileRequestedAt]: 'now' })
      },
      held: {
        everything: isHeldInWrites,
        'the object': isHeldInWrites,
        releases: async (t, web) => t.match((await web.release('r2')).status, { current: { tag: 'r2' } }),
      },
      needsObject: true,
      after: async (t, web) => {
        if ((await web.delivery()).status?.rollout !== undefined) await web.release('r2')
        t.match((await web.delivery()).status, { current: { tag: 'r2' } })
        await untilValue(web, '2')
      },
    },
    'a deletion': {
      begin: (purpose) => running(purpose, { deletionPolicy: 'Delete' }),
      meanwhile: (web) => web.removeDelivery(),
      held: {
        everything: (t, web) => leaves(t, web, [configMap, deployment]),
        'the object': (t, web) => leaves(t, web, [configMap]),
        releases: (t, web, level) =>
          leaves(t, web, level === 'one of its objects' ? [configMap] : [configMap, deployment]),
      },
      needsObject: true,
      after: async (t, web) => t.ok(await web.object(configMap)),
    },
    'a deletion that is under way': {
      begin: async (purpose) => {
        const web = await running(purpose, { deletionPolicy: 'Delete' })
        await inForce(web, refusesDeletion, true)
        await web.removeDelivery()
        await web.untilObject(deployment, (object) => object === undefined)
        await web.until('what is in the way to be said', (delivery) =>
          /ConfigMap\/settings.*not now/.test(messageOf(delivery)),
        )
        return web
      },
      meanwhile: async (web) => {
        await untilGone(web)
        await inForce(web, refusesDeletion, false)
      },
      held: sameFor(async (t, web) => t.notOk(await web.object(deployment))),
      needsObject: true,
      endsByPause: true,
      after: async (t, web) => t.ok(await web.object(configMap)),
    },
  }
}

async function isBack(t: Test, web: Tenancy): Promise<void> {
  t.match((await web.untilRolledBack()).status, { current: { tag: 'r1' }, failed: { revision: { tag: 'r2' } } })
}

async function isHeldInWrites(t: Test, web: Tenancy): Promise<void> {
  const held = await web.until('the pause to be said', (delivery) =>
    messageOf(delivery).startsWith('the rollout of r2 is held: '),
  )
  t.match(held.status?.rollout, { phase: 'Applying', revision: { tag: 'r2' } })
  t.notOk(held.status?.rollout?.deadline, 'its time stands still')
  t.match(await web.object(configMap), { data: { a: '1' } })
}

async function leaves(t: Test, web: Tenancy, paths: readonly string[]): Promise<void> {
  await untilGone(web)
  const found = await Promise.all([configMap, deployment].map(async (path) => ((await web.object(path)) ? [path] : [])))
  t.same(found.flat(), paths)
  await web.untilEvent(paths.includes(deployment) ? 'Warning Orphaned' : 'Normal Deleted')
}

async function untilGone(web: Tenancy): Promise<void> {
  await web.untilObject('windlass.dev/v1alpha1/deliveries/web', (object) => object === undefined)
}

function messageOf(delivery: Delivery): string {
  return conditionOf(delivery, 'Ready')?.message ?? ''
}
