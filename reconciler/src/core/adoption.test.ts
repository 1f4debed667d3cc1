import t from 'tap'
import { fieldManager } from '../api/annotations.ts'
import type { KubeObject, ManagedFieldsEntry } from '../api/object.ts'
import { adoptability, adoptedFields, isAdoptable, isAdoptedManager } from './adoption.ts'
import { lastAppliedAnnotation } from './last-applied.ts'

const leaf = {}

function entry(manager: string, fieldsV1: object = {}, over: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry {
  return { manager, operation: 'Update', apiVersion: 'apps/v1', fieldsV1: fieldsV1 as never, ...over }
}

function object(managedFields: readonly ManagedFieldsEntry[], over: Partial<KubeObject> = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    ...over,
    metadata: { name: 'web', ...over.metadata, managedFields },
  }
}

const writers: readonly ManagedFieldsEntry[] = [
  ...['kubectl-client-side-apply', 'kubectl-create', 'kubectl-replace', 'kubectl-expose', 'helm'].map((name) =>
    entry(name),
  ),
  ...['kubectl', 'helm'].map((name) => entry(name, {}, { operation: 'Apply' })),
]

const others: Record<string, ManagedFieldsEntry> = {
  'another apply manager': entry('argocd-controller', {}, { operation: 'Apply' }),
  'another update manager': entry('terraform'),
  'a hand alone': entry('kubectl-edit'),
  'a subresource': entry('kubectl', {}, { subresource: 'scale' }),
  'the operator of Helm releases': entry('helm-controller', {}, { operation: 'Apply' }),
}

t.test('what kubectl or Helm wrote may be taken over, whoever else had a hand in it', (t) => {
  for (const writer of writers) {
    t.same(adoptability(object([writer])), { kind: 'adoptable' }, `${writer.manager} ${writer.operation}`)
    t.same(adoptability(object([...Object.values(others), writer])), { kind: 'adoptable' })
    t.ok(isAdoptable(object([writer])))
  }
  t.end()
})

t.test('what others wrote, or a controller keeps, may not', (t) => {
  for (const [what, other] of Object.entries(others)) {
    t.match(adoptability(object([other])), { kind: 'refused', why: new RegExp(`"${other.manager}"`) }, what)
    t.notOk(isAdoptable(object([other])))
  }
  t.match(adoptability(object([])), { why: 'nothing tells who made it' })
  const ownerReferences = [{ kind: 'Thing', name: 'its', uid: 'u', controller: true }]
  t.match(adoptability({ ...object([entry('helm')]), metadata: { name: 'web', ownerReferences } }), {
    why: 'Thing its controls it',
  })
  t.end()
})

t.test('what we have applied already is not taken over again', (t) => {
  const ours = entry(fieldManager, {}, { operation: 'Apply' })
  t.notOk(isAdoptable(object([entry('kubectl-client-side-apply'), ours])))
  t.end()
})

t.test('only apply managers of kubectl and Helm may be forced for it', (t) => {
  t.same(['kubectl', 'helm', 'argocd-controller', 'helm-controller'].filter(isAdoptedManager), ['kubectl', 'helm'])
  t.end()
})

t.test('fields of tools become ours, those of hands nobody’s, and those of others stay', (t) => {
  const foreign = [
    others['another update manager'] ?? entry(''),
    entry('kube-controller-manager', {}, { subresource: 'status' }),
  ]
  const live = object([
    entry('kubectl-create', { 'f:spec': { 'f:paused': leaf } }),
    entry('helm', { 'f:spec': { 'f:selector': leaf } }, { operation: 'Apply' }),
    entry('kubectl-set', { 'f:spec': { 'f:template': leaf } }),
    entry('before-first-apply', { 'f:spec': { 'f:x': leaf } }),
    ...foreign,
  ])
  t.same(adoptedFields(live, object([])), [
    ...foreign,
    {
      manager: fieldManager,
      operation: 'Apply',
      apiVersion: 'apps/v1',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:spec': { 'f:paused': leaf, 'f:selector': leaf } },
    },
  ])
  t.end()
})

t.test('fields of another version of the kind are given up, for their paths may mean something else', (t) => {
  const live = object([entry('kubectl-create', { 'f:spec': leaf }, { apiVersion: 'extensions/v1beta1' })])
  t.match(adoptedFields(live, object([])), [{ manager: fieldManager, fieldsV1: {} }])
  t.equal(adoptedFields(live, object([])).length, 1)
  t.end()
})

t.test('what the API server filled in is not taken for written', (t) => {
  const pod = { 'f:image': leaf, 'f:imagePullPolicy': leaf, 'f:name': leaf }
  const fields = { 'f:spec': { 'f:paused': leaf, 'f:template': { 'k:{"name":"web"}': pod } } }
  const written = { spec: { template: [{ name: 'web', image: 'a' }] } }
  const annotations = { [lastAppliedAnnotation]: JSON.stringify(written) }
  const applied = object([entry('kubectl-client-side-apply', fields)], { metadata: { name: 'web', annotations } })
  t.same(adoptedFields(applied, object([]))[0]?.fieldsV1, {
    'f:metadata': { 'f:annotations': { [`f:${lastAppliedAnnotation}`]: leaf } },
    'f:spec': { 'f:template': { 'k:{"name":"web"}': { 'f:image': leaf, 'f:name': leaf } } },
  })
  t.same(adoptedFields(object([entry('helm', fields)]), object([]))[0]?.fieldsV1, {
    'f:spec': { 'f:paused': leaf, 'f:template': { 'k:{"name":"web"}': { 'f:image': leaf, 'f:name': leaf } } },
  })
  t.end()
})

t.test('what is chosen once when an object is made stays', (t) => {
  const claim = { kind: 'PersistentVolumeClaim', apiVersion: 'v1' }
  const made = entry('helm', { 'f:metadata': leaf, 'f:spec': { 'f:storageClassName': leaf } }, { apiVersion: 'v1' })
  t.same(adoptedFields(object([made], claim), object([], claim))[0]?.fieldsV1, { 'f:metadata': leaf })
  t.end()
})

t.test('a number of replicas that the release does not name is nobody’s', (t) => {
  const live = object([entry('helm', { 'f:spec': { 'f:replicas': leaf, 'f:paused': leaf } })])
  t.same(adoptedFields(live, object([], { spec: {} }))[0]?.fieldsV1, { 'f:spec': { 'f:paused': leaf } })
  t.same(adoptedFields(live, object([], { spec: { replicas: 2 } }))[0]?.fieldsV1, {
    'f:spec': { 'f:replicas': leaf, 'f:paused': leaf },
  })
  t.end()
})
