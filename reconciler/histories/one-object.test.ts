import t from 'tap'
import type { Happening } from './happening.ts'
import { History } from './history.ts'
import { playFor, push } from './test-happenings.ts'

t.test('an object that was made anew by a process that was killed is deleted once no release holds it', async (t) => {
  for (let after = 0; after < 8; after += 1) {
    const history = new History({}, () => {})
    await play(history, push({ hasExtra: true }))
    await play(history, { kind: 'mishap', mishap: { kind: 'kill', after, moment: 'after' } })
    await play(history, { kind: 'hand', hand: 'delete', object: 'ConfigMap/extra' })
    history.leader.wire.forgetMishap()
    t.ok(history.cluster.objects.has('ConfigMap/extra'), `it is there again: ${after}`)

    await play(history, push({ hasExtra: false }))
    t.notOk(history.cluster.objects.has('ConfigMap/extra'), `killed after ${after} requests`)
    history.end()
  }
})

t.test('an object that another tool holds by apply holds up the correction of no other', async (t) => {
  const history = new History({}, () => {})
  t.teardown(() => history.end())
  await play(history, push({ hasExtra: true }))
  await play(history, { kind: 'hand', hand: 'takeByApply', object: 'ConfigMap/settings' })
  t.match(ready(history), { status: 'False', reason: 'FieldConflict' })

  await play(history, { kind: 'hand', hand: 'delete', object: 'ConfigMap/extra' })
  await play(history, { kind: 'hand', hand: 'change', object: 'Deployment/web' })
  t.ok(history.cluster.objects.has('ConfigMap/extra'), 'what was deleted is made anew')
  t.match(JSON.stringify(history.cluster.get('Deployment/web')), /@sha256:/, 'what was changed is taken back')
  t.match(ready(history), { status: 'False', reason: 'FieldConflict' }, 'it is told still')
  const { uid } = history.cluster.objects.get('ConfigMap/extra') ?? {}
  t.match(
    history.cluster.delivery?.status?.inventory?.find(({ name }) => name === 'extra'),
    { uid },
  )
})

/** With all that follows within a minute. */
async function play(history: History, happening: Happening): Promise<void> {
  await playFor(history, 60_000, happening)
}

function ready({ cluster }: History) {
  return cluster.delivery?.status?.conditions?.find(({ type }) => type === 'Ready')
}
