import t from 'tap'
import { deletionFinalizer } from '../api/annotations.ts'
import type { Delivery, DeliverySpec } from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import { deletionPatienceMs, endingOf, hasFinalizer, wantsFinalizer, type Surroundings } from './deletion.ts'
import { delivery, startMs } from './test-builders.ts'

const ours = [deletionFinalizer]
const theirs = ['example.com/hold']

function deleted(deletionPolicy: DeliverySpec['deletionPolicy'], finalizers: readonly string[] = ours): Delivery {
  return delivery({ spec: { deletionPolicy }, metadata: { finalizers, deletionTimestamp: formatTime(startMs) } })
}

function surroundings(over: Partial<Surroundings> = {}): Surroundings {
  return { pause: { kind: 'running' }, isNamespaceTerminating: false, nowMs: startMs + 1_000, ...over }
}

const paused = {
  kind: 'paused',
  mode: 'releases',
  objects: [],
  warnings: [],
  message: 'the Delivery is paused',
} as const

t.test('the finalizer is wanted under the policy Delete, and only then', (t) => {
  t.notOk(wantsFinalizer(delivery()))
  t.ok(wantsFinalizer(delivery({ spec: { deletionPolicy: 'Delete' } })))
  t.ok(hasFinalizer(deleted('Delete', [...theirs, ...ours])))
  t.notOk(hasFinalizer(deleted('Delete', theirs)))
  t.notOk(hasFinalizer(delivery()))
  t.end()
})

t.test('what was delivered is deleted for five minutes from the deletion on', (t) => {
  const untilMs = startMs + deletionPatienceMs
  t.same(endingOf(deleted('Delete'), surroundings()), { kind: 'delete', untilMs })
  t.same(endingOf(deleted('Delete'), surroundings({ nowMs: untilMs - 1 })), { kind: 'delete', untilMs })
  t.match(endingOf(deleted('Delete'), surroundings({ nowMs: untilMs })), { kind: 'release', why: /not done by/ })
  t.end()
})

t.test('whatever is in the way lets the Delivery go, and deletes nothing', (t) => {
  const isNamespaceTerminating = true
  t.match(endingOf(deleted('Orphan'), surroundings()), { kind: 'release', why: /Orphan/ })
  t.match(endingOf(deleted('Delete'), surroundings({ isNamespaceTerminating })), { kind: 'release', why: /Namespace/ })
  t.match(endingOf(deleted('Delete'), surroundings({ pause: paused })), { kind: 'release', why: paused.message })
  t.end()
})

t.test('without our finalizer, or before it is deleted, there is nothing to do', (t) => {
  t.same(endingOf(deleted('Delete', theirs), surroundings()), { kind: 'none' })
  t.same(endingOf(delivery({ spec: { deletionPolicy: 'Delete' }, metadata: { finalizers: ours } }), surroundings()), {
    kind: 'none',
  })
  t.end()
})
