import * as fc from 'fast-check'
import t from 'tap'
import { operatorAnnotations } from '../api/annotations.ts'
import { supportedKinds } from '../api/kinds.ts'
import {
  checkBundle,
  describeViolations,
  mostBytes,
  mostObjectBytes,
  mostObjects,
  violationReason,
  type BundleScope,
} from './bundle-rules.ts'

const scope: BundleScope = { namespace: 'predictor', serviceAccountName: 'predictor-deployer' }

function configMap(name: string, metadata: Record<string, unknown> = {}, rest: Record<string, unknown> = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, ...rest }
}

function refusal(documents: readonly unknown[], within: BundleScope = scope): string[] {
  const checked = checkBundle(documents, within)
  return checked.kind === 'accepted'
    ? []
    : checked.violations.map(({ reason, object, problem }) => `${reason} ${object}: ${problem}`)
}

t.test('every supported kind is taken as it stands', (t) => {
  const documents = supportedKinds.map(({ apiVersion, kind }) => ({ apiVersion, kind, metadata: { name: 'a' } }))
  const checked = checkBundle(documents, scope)
  t.equal(checked.kind === 'accepted' && checked.objects.length, supportedKinds.length)
  t.end()
})

const taken: Record<string, unknown> = {
  "the Delivery's own namespace": configMap('a', { namespace: 'predictor' }),
  'prune: disabled': configMap('a', { annotations: { [operatorAnnotations.prune]: 'disabled' } }),
  'an empty status, as kubectl prints it': configMap('a', { creationTimestamp: null }, { status: {} }),
  'labels and annotations of others': configMap('a', { labels: { app: 'a' }, annotations: { 'example.com/a': 'b' } }),
}

for (const [name, document] of Object.entries(taken)) {
  t.test(`${name} is taken`, (t) => {
    t.strictSame(refusal([document]), [])
    t.end()
  })
}

const refused: Record<string, [document: unknown, violation: RegExp]> = {
  'a text': ['hello', /^BundleInvalid document 1: is not an object$/],
  'a list of YAML': [[1], /document 1: is not an object/],
  'an object without kind': [{ apiVersion: 'v1', metadata: { name: 'a' } }, /document 1: has no apiVersion and kind/],
  'an object without metadata': [{ apiVersion: 'v1', kind: 'ConfigMap' }, /document 1 \(ConfigMap\): has no metadata/],
  'an object without name': [configMap(''), /document 1 \(ConfigMap\): metadata\.name is missing/],
  'a generated name': [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'a-' } },
    /generateName makes a new object each time/,
  ],
  'a name that is a path': [configMap('../secrets'), /ConfigMap\/\.\.\/secrets: metadata\.name .* is not a name/],
  'a number as a name': [configMap(1 as unknown as string), /metadata\.name 1 is not a name/],
  'a Secret': [
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' } },
    /^KindNotSupported Secret\/key: secrets do not travel/,
  ],
  'a Job': [{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'migrate' } }, /Job\/migrate: .*use a CronJob/],
  'a Role': [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'a' } },
    /KindNotSupported Role\/a: a push must not loosen rights/,
  ],
  'a cluster-scoped object': [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } },
    /KindNotSupported Namespace\/other: v1 Namespace is not taken: a release holds ConfigMap, /,
  ],
  'a Delivery': [
    { apiVersion: 'windlass.dev/v1alpha1', kind: 'Delivery', metadata: { name: 'a' } },
    /Delivery\/a: a release does not manage Deliveries/,
  ],
  'a kind that is named like a method of objects': [
    { apiVersion: 'v1', kind: 'constructor', metadata: { name: 'a' } },
    /KindNotSupported constructor\/a: v1 constructor is not taken/,
  ],
  'an old version of a kind': [
    { apiVersion: 'apps/v1beta1', kind: 'Deployment', metadata: { name: 'a' } },
    /Deployment\/a: apps\/v1beta1 is not taken: use apps\/v1$/,
  ],
  'a kind of the same name in another group': [
    { apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: { name: 'a' } },
    /KindNotSupported Service\/a: serving\.knative\.dev\/v1 Service is not taken: a release holds /,
  ],
  'a List': [{ apiVersion: 'v1', kind: 'List', items: [], metadata: {} }, /a document of its own/],
  'another namespace': [
    configMap('a', { namespace: 'other' }),
    /ConfigMap\/a: is for namespace other, the Delivery is in predictor/,
  ],
  'the account that deploys': [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'predictor-deployer' } },
    /ServiceAccount\/predictor-deployer: is the account that the Delivery deploys as/,
  ],
  'a label of the reconciler': [
    configMap('a', { labels: { 'windlass.dev/delivery': 'x' } }),
    /windlass\.dev\/delivery is set by the reconciler alone/,
  ],
  'a made-up annotation of ours': [configMap('a', { annotations: { 'windlass.dev/x': 'y' } }), /is reserved/],
  'prune with another value': [
    configMap('a', { annotations: { [operatorAnnotations.prune]: 'enabled' } }),
    /windlass\.dev\/prune may only be "disabled"/,
  ],
  'prune as a label': [configMap('a', { labels: { [operatorAnnotations.prune]: 'disabled' } }), /operator's to set/],
  'a label that is a number': [
    configMap('a', { labels: { version: 12 } }),
    /the value of version is not a text: quote it/,
  ],
  'annotations that are a list': [configMap('a', { annotations: ['a'] }), /metadata\.annotations is not a mapping/],
  'a finalizer': [configMap('a', { finalizers: ['a/b'] }), /metadata\.finalizers is a controller's to set/],
  'a field of metadata that would be left out': [
    configMap('a', { label: { app: 'a' } }),
    /^BundleInvalid ConfigMap\/a: metadata\.label is not taken: remove it$/,
  ],
  'an object that the cluster could not store': [
    configMap('a', {}, { data: { a: 'x'.repeat(mostObjectBytes) } }),
    /^BundleInvalid ConfigMap\/a: has more than 1572864 bytes as JSON/,
  ],
  'a status': [configMap('a', {}, { status: { phase: 'Bound' } }), /status is set by the cluster/],
}

for (const [name, [document, violation]] of Object.entries(refused)) {
  t.test(`${name} is refused, and the object is named`, (t) => {
    t.match(refusal([document]), [violation])
    t.end()
  })
}

const pods: Record<string, (podSpec: object) => object> = {
  DaemonSet: (spec) => workload('DaemonSet', { template: { spec } }),
  StatefulSet: (spec) => workload('StatefulSet', { template: { spec } }),
  Deployment: (spec) => workload('Deployment', { template: { spec } }),
  CronJob: (spec) => ({
    ...workload('CronJob', { jobTemplate: { spec: { template: { spec } } } }),
    apiVersion: 'batch/v1',
  }),
}

for (const [kind, withPods] of Object.entries(pods)) {
  t.test(`a ${kind} whose pods would run as the account that deploys is refused`, (t) => {
    const violation = `BundleInvalid ${kind}/a: its pods would run as predictor-deployer, the account that the Delivery deploys as: give them another`
    for (const podSpec of [
      { serviceAccountName: 'predictor-deployer' },
      { serviceAccount: 'predictor-deployer' },
      { serviceAccountName: 'predictor', serviceAccount: 'predictor-deployer' },
      { serviceAccountName: '', serviceAccount: 'predictor-deployer' },
    ]) {
      t.strictSame(refusal([withPods(podSpec)]), [violation], JSON.stringify(podSpec))
    }
    for (const podSpec of [{}, { serviceAccountName: 'predictor' }, { serviceAccount: 'predictor' }]) {
      t.strictSame(refusal([withPods(podSpec)]), [], JSON.stringify(podSpec))
    }
    t.end()
  })
}

t.test('pods that name no account run as the default one, which may be the account that deploys', (t) => {
  const deploysAs = { serviceAccountName: 'default' }
  const unnamed = checkBundle([pods['Deployment']?.({})], deploysAs)
  t.match(unnamed, { kind: 'refused', violations: [{ object: 'Deployment/a', problem: /would run as default/ }] })
  t.equal(checkBundle([pods['Deployment']?.({ serviceAccountName: 'web' })], deploysAs).kind, 'accepted')
  t.equal(
    checkBundle([workload('Deployment', { template: 'x' })], deploysAs).kind,
    'accepted',
    'the API server says why',
  )
  t.end()
})

for (const annotation of Object.values(operatorAnnotations)) {
  t.test(`the operator's ${annotation} is refused`, (t) => {
    t.match(refusal([configMap('a', { annotations: { [annotation]: 'true' } })]), [annotation])
    t.end()
  })
}

for (const field of ['uid', 'resourceVersion', 'generation', 'managedFields', 'ownerReferences', 'deletionTimestamp']) {
  t.test(`metadata.${field}, which the server sets, is refused`, (t) => {
    t.strictSame(refusal([configMap('a', { [field]: 'x' })]), [
      `BundleInvalid ConfigMap/a: metadata.${field} is set by the API server: remove it`,
    ])
    t.end()
  })
}

t.test('a bundle without an object would prune everything, so it is refused', (t) => {
  t.strictSame(refusal([]), ['BundleInvalid the bundle: holds no object'])
  t.end()
})

t.test('the same object twice is refused', (t) => {
  t.strictSame(refusal([configMap('a'), configMap('b'), configMap('a', { namespace: 'predictor' })]), [
    'BundleInvalid ConfigMap/a: stands 2 times',
  ])
  t.end()
})

t.test('two hundred objects are taken, one more is not', (t) => {
  const documents = Array.from({ length: mostObjects + 1 }, (_, i) => configMap(`c${i}`))
  t.strictSame(refusal(documents.slice(1)), [])
  t.match(refusal(documents), [/holds 201 objects, 200 at most/])
  t.end()
})

t.test('where the namespace is not known, objects may name one, and the same', (t) => {
  const [a, b] = [configMap('a', { namespace: 'x' }), configMap('b', { namespace: 'y' })]
  t.strictSame(refusal([a, configMap('c')], {}), [])
  t.match(refusal([a, b], {}), [/names the namespaces x, y: one at most/])
  t.end()
})

t.test('an object is taken up to what the cluster can store, to the byte', (t) => {
  const bare = JSON.stringify(configMap('a', {}, { data: { a: '' } })).length
  const withBytes = (bytes: number) => configMap('a', {}, { data: { a: 'x'.repeat(bytes - bare) } })
  t.strictSame(refusal([withBytes(mostObjectBytes)]), [])
  t.match(refusal([withBytes(mostObjectBytes + 1)]), [/more than 1572864 bytes/])
  t.end()
})

t.test('all objects together are bounded too, though they share what is in them', (t) => {
  const text = 'x'.repeat(1_000_000)
  const bundle = (count: number) => Array.from({ length: count }, (_, i) => configMap(`a${i}`, {}, { data: { text } }))
  const most = Math.floor(mostBytes / 1_000_200)
  t.strictSame(refusal(bundle(most)), [])
  t.strictSame(refusal(bundle(most + 1)), ['BundleInvalid the bundle: has more than 8388608 bytes as JSON'])
  t.end()
})

t.test('all that is wrong is listed, and a kind gives the reason', (t) => {
  const checked = checkBundle(
    [configMap('a', { uid: 'x', namespace: 'other' }), { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' } }],
    scope,
  )
  const violations = checked.kind === 'refused' ? checked.violations : []
  t.equal(violations.length, 3)
  t.equal(violationReason(violations), 'KindNotSupported')
  t.match(describeViolations(violations), /^ConfigMap\/a: .*; ConfigMap\/a: .*; Secret\/key: secrets/)
  t.equal(violationReason(violations.slice(0, 2)), 'BundleInvalid')
  t.end()
})

t.test('a long list of violations is cut with its count', (t) => {
  const violations = Array.from({ length: 25 }, (_, i) => ({
    reason: 'BundleInvalid' as const,
    object: `ConfigMap/c${i}`,
    problem: 'x',
  }))
  t.match(describeViolations(violations), /c9: x; and 15 more$/)
  t.end()
})

t.test('a name without end does not fill the message', (t) => {
  const checked = checkBundle([configMap('A'.repeat(100_000))], scope)
  t.ok(checked.kind === 'refused' && describeViolations(checked.violations).length < 400)
  t.end()
})

t.test('whatever a document holds, it is judged and not thrown at', (t) => {
  fc.assert(
    fc.property(fc.array(fc.object({ maxDepth: 3 }), { maxLength: 5 }), (documents) => {
      const { kind } = checkBundle(documents, scope)
      return kind === 'accepted' || kind === 'refused'
    }),
  )
  const metadata = fc.dictionary(fc.constantFrom('name', 'namespace', 'labels', 'annotations', 'uid'), fc.jsonValue())
  fc.assert(
    fc.property(metadata, (values) => {
      const { kind } = checkBundle([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: values }], scope)
      return kind === 'accepted' || kind === 'refused'
    }),
  )
  t.pass('held for every generated document')
  t.end()
})

t.test('what is accepted stands in the namespace of the Delivery and nowhere else', (t) => {
  const documents = fc.array(
    fc.record({
      apiVersion: fc.constantFrom('v1', 'apps/v1', 'batch/v1'),
      kind: fc.constantFrom('ConfigMap', 'Secret', 'Deployment', 'Job', 'Namespace'),
      metadata: fc.record(
        { name: fc.constantFrom('a', 'b'), namespace: fc.constantFrom('predictor', 'kube-system', '') },
        { requiredKeys: ['name'] },
      ),
    }),
    { maxLength: 4 },
  )
  fc.assert(
    fc.property(documents, (list) => {
      const checked = checkBundle(list, scope)
      if (checked.kind === 'refused') return true
      return checked.objects.every(
        ({ apiVersion, kind, metadata: { namespace } }) =>
          (namespace === undefined || namespace === 'predictor') &&
          supportedKinds.some((supported) => supported.apiVersion === apiVersion && supported.kind === kind),
      )
    }),
  )
  t.pass('held for every generated bundle')
  t.end()
})

function workload(kind: string, spec: object): object {
  return { apiVersion: 'apps/v1', kind, metadata: { name: 'a' }, spec }
}
