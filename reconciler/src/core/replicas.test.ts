import t from 'tap'
import { fieldManager } from '../api/annotations.ts'
import type { KubeObject } from '../api/object.ts'
import { autoscaled, disownReplicas, isScaled, ownedReplicas, setsReplicas, withoutReplicas } from './replicas.ts'

const leaf = {}

function deployment(replicas: number | undefined, isOurs: boolean): KubeObject {
  const spec = { paused: false, ...(replicas !== undefined && { replicas }) }
  const fieldsV1 = { 'f:spec': { 'f:paused': leaf, ...(isOurs && { 'f:replicas': leaf }) } }
  const ours = { manager: fieldManager, operation: 'Apply', apiVersion: 'apps/v1', fieldsV1 }
  const scaler = { manager: 'hpa', operation: 'Update', subresource: 'scale', fieldsV1: { 'f:spec': leaf } }
  const metadata = { name: 'web', managedFields: [scaler, ours] }
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec }
}

function autoscaler(scaleTargetRef: unknown): KubeObject {
  const metadata = { name: 'any' }
  return { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata, spec: { scaleTargetRef } }
}

const entry = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }

t.test('a workload is known by what an autoscaler targets, in whatever version', (t) => {
  const found = autoscaled([
    deployment(1, true),
    autoscaler({ apiVersion: 'apps/v1beta9', kind: 'Deployment', name: 'web' }),
    autoscaler({ kind: 'StatefulSet', name: 'db' }),
    autoscaler({ apiVersion: 'other.io/v1', kind: 'Deployment', name: 'theirs' }),
    autoscaler(undefined),
    autoscaler({ kind: 'Deployment' }),
  ])
  t.same([...found], ['apps/Deployment/web', 'apps/StatefulSet/db', 'other.io/Deployment/theirs'])
  t.end()
})

t.test('only a workload that can be scaled sets a number', (t) => {
  t.ok(setsReplicas(deployment(0, true)))
  t.notOk(setsReplicas(deployment(undefined, true)))
  t.notOk(setsReplicas({ ...deployment(1, true), kind: 'DaemonSet' }))
  t.same(withoutReplicas(deployment(3, true)), deployment(undefined, true))
  t.end()
})

t.test('a number is ours where our apply set it', (t) => {
  t.equal(ownedReplicas(deployment(3, true)), 3)
  t.equal(ownedReplicas(deployment(3, false)), undefined)
  t.end()
})

t.test('a workload is scaled where the number we applied is another, or not ours any more', (t) => {
  t.notOk(isScaled(deployment(3, true), { ...entry, replicas: 3 }))
  t.ok(isScaled(deployment(4, true), { ...entry, replicas: 3 }))
  t.ok(isScaled(deployment(3, false), { ...entry, replicas: 3 }))
  t.notOk(isScaled(deployment(4, false), entry), 'it was never ours')
  t.end()
})

t.test('disowned, the number is in nobody’s set, and all else stays', (t) => {
  const live = deployment(4, true)
  t.same(disownReplicas(live), deployment(4, false).metadata.managedFields)
  t.equal(disownReplicas(deployment(4, false)), undefined)
  t.end()
})
