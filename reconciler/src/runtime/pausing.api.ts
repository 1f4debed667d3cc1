/** Every place and mode of a pause, in everything that may be under way: what is written then, and what follows. */
import t, { type Test } from 'tap'
import type { AuditEvent } from '../../../bootstrap/local/audit-log.ts'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import { conditionOf, TestLoop, type Tenancy } from './test-loop.ts'
import { rolloutScenes } from './test-pause-rollouts.ts'
import { releaseScenes } from './test-pause-scenes.ts'
import { probePrefix, setPauseStage } from './test-pause-stage.ts'
import { annotateAt, heldBy, isPaused, levels, nameOf, resumed, type Level, type Mode } from './test-pauses.ts'

t.setTimeout(560_000)

const loop = await TestLoop.open(t)
await loop.start()
const stage = await setPauseStage(loop)
const scenes = { ...releaseScenes(stage), ...rolloutScenes(stage) }

for (const level of levels) {
  for (const mode of ['all', 'releases'] as const) {
    t.test(`a pause on ${level} with the mode "${mode}"`, (t) => play(t, level, mode))
  }
}

/** All scenes at once, for a pause of the reconciler's own Namespace is everybody's. */
async function play(t: Test, level: Level, mode: Mode): Promise<void> {
  t.jobs = Object.keys(scenes).length
  const held = heldBy(level, mode)
  const chosen = Object.entries(scenes).filter(([, { needsObject }]) => needsObject || level !== 'one of its objects')
  const cast = await Promise.all(
    chosen.map(async ([what, scene]) => ({ what, scene, web: await scene.begin(`${mode}-${what}`) })),
  )
  const tenancies = cast.map(({ web }) => web)
  const values = { [hand.paused]: 'true', [hand.pauseMode]: mode, [hand.pausedBy]: 'ada', [hand.pauseReason]: 'a test' }
  await annotateAt(level, tenancies, values)
  await Promise.all(
    cast.flatMap(({ scene, web }) => (scene.endsByPause === true ? [] : [untilPaused(t, web, level, mode)])),
  )

  const writes = await loop.writesDuring(async () => {
    await Promise.all(
      cast.map(({ what, scene, web }) =>
        t.test(what, { buffered: true }, async (t) => {
          await scene.meanwhile(web)
          await scene.held[held](t, web, level)
        }),
      ),
    )
  })
  for (const { what, web, scene } of cast) {
    const isForbidden = held === 'everything' || (held === 'releases' && scene.isRelease === true)
    const written = writtenBy(web, writes)
    if (isForbidden) t.same(written, [], `${what}: nothing is written`)
    if (held === 'the object')
      t.notOk(
        written.some((path) => path.endsWith('configmaps/settings')),
        `${what}: not the object`,
      )
  }

  await annotateAt(level, await stillThere(tenancies), resumed)
  await Promise.all(
    cast.map(({ what, scene, web }) => t.test(`${what}: afterwards`, { buffered: true }, (t) => scene.after(t, web))),
  )
}

/** It holds from here on, and says who, why, and how much of it. */
async function untilPaused(t: Test, web: Tenancy, level: Level, mode: Mode): Promise<void> {
  const paused = await web.until('the pause to hold', isPaused)
  const what = mode === 'releases' ? ' for releases' : ''
  const words = `${nameOf(level, web)} is paused${what} by ada: a test`
  t.equal(conditionOf(paused, 'Paused')?.message, words)
  t.match(paused.status?.summary, { state: 'Paused', held: words })
  await web.untilEvent('Normal Paused', new RegExp(RegExp.escape(words)))
}

/** By the reconciler: as the account, or a copy of a release. The test is the administrator, and nobody else is there. */
function writtenBy({ namespace }: Tenancy, writes: readonly AuditEvent[]): readonly string[] {
  return writes.flatMap(({ verb, objectRef, impersonatedUser }) => {
    const { namespace: where, resource = '', name = '' } = objectRef ?? {}
    const isOurs = impersonatedUser === undefined ? resource === 'controllerrevisions' : !name.startsWith(probePrefix)
    return where === namespace && isOurs ? [`${verb} ${resource}/${name}`] : []
  })
}

async function stillThere(tenancies: readonly Tenancy[]): Promise<readonly Tenancy[]> {
  const found = await Promise.all(tenancies.map((web) => web.object('windlass.dev/v1alpha1/deliveries/web')))
  return tenancies.filter((_, index) => found[index] !== undefined)
}
