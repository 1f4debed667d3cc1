/** Releases of every kind, and drift: what happens meanwhile, and what is seen of it under a pause and afterwards. */
import type { Test } from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import { conditionOf, type Tenancy } from './test-loop.ts'
import { sameFor, untilValue, type PauseStage, type Scene } from './test-pause-stage.ts'
import { configMap } from './test-pauses.ts'

export function releaseScenes({
  fresh,
  running,
  awaited,
  goingBack,
  push,
}: PauseStage): Readonly<Record<string, Scene>> {
  return {
    'a release that waits, and a newer one before the end': {
      begin: running,
      meanwhile: async (web) => {
        push(web, '2')
        await web.until('r2 to wait', ({ status }) => status?.candidate?.tag === 'r2')
        push(web, '3')
      },
      held: sameFor((t, web) => waits(t, web, 'r3')),
      isRelease: true,
      needsObject: true,
      // No poll comes by itself here: what is newest is known.
      after: async (t, web) => {
        t.match((await web.release('r3')).status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })
      },
    },
    'a first release': {
      begin: fresh,
      meanwhile: async (web) => push(web, '1'),
      held: sameFor((t, web) => waits(t, web, 'r1')),
      isRelease: true,
      needsObject: false,
      after: async (t, web) => t.match((await web.release('r1')).status, { current: { tag: 'r1' } }),
    },
    'a pin': {
      begin: async (purpose) => {
        const web = await awaited(purpose)
        await web.release('r2')
        return web
      },
      meanwhile: (web) => web.annotate({ [hand.pin]: 'r1' }),
      held: sameFor(async (t, web) => {
        const held = await web.until('the pin to wait', ({ status }) => status?.summary?.pending === 'r1')
        t.match(held.status, { current: { tag: 'r2' }, highWater: { tag: 'r2' } })
      }),
      isRelease: true,
      needsObject: true,
      after: async (t, web) => t.match((await web.release('r1')).status, { highWater: { tag: 'r1' } }),
    },
    'a retry': {
      begin: async (purpose) => {
        const web = await goingBack(purpose)
        await web.rollOut()
        await web.untilRolledBack()
        return web
      },
      meanwhile: (web) => web.annotate({ [hand.retry]: 'r2', [hand.reconcileRequestedAt]: 'now' }),
      held: sameFor(async (t, web) => {
        const held = await web.until('the request', ({ status }) => status?.lastHandledReconcileRequest === 'now')
        t.notOk(held.status?.lastHandledRetry)
        t.match(held.status, { current: { tag: 'r1' }, quarantine: [{ tag: 'r2' }] })
      }),
      isRelease: true,
      needsObject: true,
      after: async (t, web) => t.match((await web.release('r2')).status, { lastHandledRetry: 'r2' }),
    },
    drift: {
      begin: running,
      meanwhile: (web) => web.edit(configMap, { data: { a: 'theirs' } }),
      held: {
        everything: isShown,
        'the object': isShown,
        releases: async (t, web) => {
          await untilValue(web, '1')
          await web.untilEvent('Normal DriftCorrected')
          await web.until('no drift to be left', ({ status }) => status?.drifted === undefined)
          t.match((await web.delivery()).status?.summary, { state: 'Paused' })
        },
      },
      needsObject: true,
      after: async (t, web) => {
        await untilValue(web, '1')
        const { status } = await web.until('no drift to be left', ({ status }) => status?.drifted === undefined)
        t.match(status, { current: { tag: 'r1' } })
      },
    },
  }
}

async function waits(t: Test, web: Tenancy, tag: string): Promise<void> {
  const held = await web.until(`${tag} to wait`, ({ status }) => status?.candidate?.tag === tag)
  t.match(held.status?.summary, { state: 'Paused', pending: tag })
  t.notOk(held.status?.rollout)
  t.equal(conditionOf(held, 'Ready')?.status, held.status?.current === undefined ? 'False' : 'True')
}

async function isShown(t: Test, web: Tenancy): Promise<void> {
  const shown = await web.until('the drift to be shown', ({ status }) => status?.drifted?.[0]?.name === 'settings')
  t.match(shown.status, { drifted: [{ kind: 'ConfigMap', since: String }], summary: { state: 'Paused' } })
  t.match(await web.object(configMap), { data: { a: 'theirs' } })
}
