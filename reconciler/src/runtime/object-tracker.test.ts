import t from 'tap'
import { deliveryLabel, fieldManager, operatorAnnotations } from '../api/annotations.ts'
import type { KubeObject } from '../api/object.ts'
import { ObjectTracker } from './object-tracker.ts'

const delivery = 'team/web'
const type = { apiVersion: 'apps/v1', kind: 'Deployment' }
const key = 'apps/Deployment/web'

t.test('what was never read is suspect', async (t) => {
  const tracker = new ObjectTracker()

  t.ok(tracker.isSuspect(delivery, key))

  tracker.observe({ type: 'added', object: object() }, type)
  t.ok(tracker.isSuspect(delivery, key), 'nor does its metadata tell')
})

t.test('what was read is not suspect until what may be ours changes', async (t) => {
  const tracker = new ObjectTracker()
  tracker.verified(delivery, full(object()))

  const status = tracker.observe({ type: 'modified', object: object({ resourceVersion: '2' }) }, type)
  t.same(status, [{ delivery, isSuspect: false }], 'a change of status is none')
  t.notOk(tracker.isSuspect(delivery, key))

  const edit = tracker.observe({ type: 'modified', object: object({ owned: { 'f:spec': {} } }) }, type)
  t.same(edit, [{ delivery, isSuspect: true }])
  t.ok(tracker.isSuspect(delivery, key))
})

t.test('what was given away while it was read is suspect until it is back', async (t) => {
  const tracker = new ObjectTracker()
  tracker.observe({ type: 'added', object: object() }, type)
  tracker.observe({ type: 'modified', object: object({ label: 'web-2' }) }, type)

  tracker.verified(delivery, full(object()))
  t.ok(tracker.isSuspect(delivery, key), 'the read began before')

  tracker.observe({ type: 'modified', object: object() }, type)
  t.notOk(tracker.isSuspect(delivery, key))
})

t.test('what was written and is not in a list after that is suspect', async (t) => {
  const tracker = new ObjectTracker()
  tracker.verified(delivery, full(object()))

  t.same(tracker.observe({ type: 'synced' }, { apiVersion: 'v1', kind: 'ConfigMap' }), [], 'of another kind')
  t.notOk(tracker.isSuspect(delivery, key))

  t.same(tracker.observe({ type: 'synced' }, type), [{ delivery, isSuspect: true }])
  t.ok(tracker.isSuspect(delivery, key))
  t.same(tracker.observe({ type: 'synced' }, type), [], 'told once')
})

t.test('what a list holds is not suspect by it', async (t) => {
  const tracker = new ObjectTracker()
  tracker.verified(delivery, full(object()))
  tracker.observe({ type: 'added', object: object() }, type)

  t.same(tracker.observe({ type: 'synced' }, type), [])
  t.notOk(tracker.isSuspect(delivery, key))
})

t.test('a pause that was there already when the object was written is told all the same', async (t) => {
  const tracker = new ObjectTracker()
  tracker.observe({ type: 'added', object: object() }, type)
  const paused = object({ paused: 'true', resourceVersion: '2' })
  tracker.verified(delivery, full(paused))

  t.same(tracker.observe({ type: 'modified', object: paused }, type), [{ delivery, isSuspect: true }])
  t.same(tracker.observe({ type: 'modified', object: paused }, type), [{ delivery, isSuspect: false }], 'told once')
})

t.test('what was read again after the change is not suspect', async (t) => {
  const tracker = new ObjectTracker()
  tracker.verified(delivery, full(object()))
  const edited = object({ owned: { 'f:spec': {} } })
  tracker.observe({ type: 'modified', object: edited }, type)

  tracker.verified(delivery, full(edited))

  t.notOk(tracker.isSuspect(delivery, key))
})

t.test('what changed after it was read is suspect, whichever came to us first', async (t) => {
  const tracker = new ObjectTracker()
  tracker.observe({ type: 'modified', object: object({ owned: { 'f:spec': {} } }) }, type)

  tracker.verified(delivery, full(object()))

  t.ok(tracker.isSuspect(delivery, key))
})

t.test('what was deleted is suspect, and no version of it is the last', async (t) => {
  const tracker = new ObjectTracker()
  tracker.observe({ type: 'added', object: object() }, type)
  tracker.verified(delivery, full(object()))
  t.ok(tracker.isLatest(delivery, key, { version: '1', toldBefore: 0 }))

  const change = tracker.observe({ type: 'deleted', object: object() }, type)

  t.same(change, [{ delivery, isSuspect: true }])
  t.ok(tracker.isSuspect(delivery, key))
  t.notOk(tracker.isLatest(delivery, key, { version: '1', toldBefore: tracker.toldOf(delivery, key) }))
})

t.test('a version is the last where none but it was told since it was asked for', async (t) => {
  const tracker = new ObjectTracker()
  const tell = (resourceVersion: string) =>
    tracker.observe({ type: 'modified', object: object({ resourceVersion }) }, type)
  tell('1')
  const written = { version: '2', toldBefore: tracker.toldOf(delivery, key) }
  t.notOk(tracker.isLatest(delivery, key, written), 'it was not told yet')

  tell('2')
  t.ok(tracker.isLatest(delivery, key, written))

  tell('3')
  t.notOk(tracker.isLatest(delivery, key, written))
  tell('2')
  t.notOk(tracker.isLatest(delivery, key, written), 'an older one may be told after it')
})

t.test('what is told before what is as we wrote it stays suspect until it is read', async (t) => {
  const tracker = new ObjectTracker()
  tracker.observe({ type: 'added', object: object() }, type)
  tracker.verified(delivery, full(object()))

  tracker.observe({ type: 'modified', object: object({ resourceVersion: '3', owned: {} }) }, type)
  tracker.observe({ type: 'modified', object: object({ resourceVersion: '2' }) }, type)
  t.ok(tracker.isSuspect(delivery, key), 'an older version may be told after it')

  tracker.verified(delivery, full(object({ resourceVersion: '4' })))
  t.notOk(tracker.isSuspect(delivery, key))
})

t.test('an object that another hand gave to another Delivery concerns both', async (t) => {
  const tracker = new ObjectTracker()
  tracker.observe({ type: 'added', object: object() }, type)
  tracker.verified(delivery, full(object()))

  const changes = tracker.observe({ type: 'modified', object: object({ label: 'other' }) }, type)

  t.same(changes, [
    { delivery, isSuspect: true },
    { delivery: 'team/other', isSuspect: true },
  ])
  t.ok(tracker.isSuspect(delivery, key))
})

t.test('a pause that stands on an object is found, and ends with it', async (t) => {
  const tracker = new ObjectTracker()

  tracker.observe({ type: 'added', object: object({ paused: 'true' }) }, type)
  t.match([...tracker.pausesOf(delivery)], [[key, { on: 'Deployment web', object: 'Deployment/web', paused: 'true' }]])

  tracker.observe({ type: 'modified', object: object() }, type)
  t.equal(tracker.pausesOf(delivery).size, 0)
})

t.test('what has left and is of no inventory is forgotten, and of the inventory it stays suspect', async (t) => {
  const tracker = new ObjectTracker()
  tracker.observe({ type: 'added', object: object() }, type)
  tracker.forgetLeft(delivery, [])
  t.equal(tracker.toldOf(delivery, key), 1, 'what is there stays')

  tracker.observe({ type: 'deleted', object: object() }, type)
  tracker.forgetLeft(delivery, [{ ...type, name: 'web' }])
  t.equal(tracker.toldOf(delivery, key), 2)
  t.ok(tracker.isSuspect(delivery, key))

  tracker.forgetLeft(delivery, [])
  t.equal(tracker.toldOf(delivery, key), 0)
})

t.test('after a change of leader everything is suspect again', async (t) => {
  const tracker = new ObjectTracker()
  tracker.observe({ type: 'added', object: object() }, type)
  tracker.verified(delivery, full(object()))

  tracker.distrustAll()

  t.ok(tracker.isSuspect(delivery, key))
  t.ok(tracker.isLatest(delivery, key, { version: '1', toldBefore: 0 }), 'what the watch told stays')
})

interface Fields {
  readonly resourceVersion?: string
  readonly owned?: Record<string, unknown>
  readonly label?: string
  readonly paused?: string
}

/** As a metadata-only watch tells it. */
function object({
  resourceVersion = '1',
  owned = { 'f:spec': { 'f:replicas': {} } },
  label = 'web',
  paused,
}: Fields = {}): KubeObject {
  return {
    apiVersion: 'meta.k8s.io/v1',
    kind: 'PartialObjectMetadata',
    metadata: {
      name: 'web',
      namespace: 'team',
      uid: 'u',
      resourceVersion,
      generation: 1,
      labels: { [deliveryLabel]: label },
      annotations: paused === undefined ? {} : { [operatorAnnotations.paused]: paused },
      managedFields: [{ manager: fieldManager, operation: 'Apply', apiVersion: 'apps/v1', fieldsV1: owned }],
    },
  }
}

function full(metadata: KubeObject): KubeObject {
  return { ...metadata, ...type, spec: { replicas: 1 } }
}
