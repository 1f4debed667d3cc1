import * as fc from 'fast-check'
import type { Test } from 'tap'
import t from 'tap'
import { fieldManager } from '../api/annotations.ts'
import type { KubeObject, ManagedFieldsEntry } from '../api/object.ts'
import { ownedFieldsHash, ownershipHint } from './owned-fields.ts'

const leaf = {}

function entry(fieldsV1: object, over: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry {
  return { manager: fieldManager, operation: 'Apply', apiVersion: 'v1', fieldsV1: fieldsV1 as never, ...over }
}

function object(fields: object, managedFields: readonly ManagedFieldsEntry[], metadata: object = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Thing', ...fields, metadata: { name: 'x', uid: 'u', ...metadata, managedFields } }
}

function sameHash(t: Test, a: KubeObject, b: KubeObject, isSame: boolean, message: string): void {
  t.type(ownedFieldsHash(a), 'string')
  t.equal(ownedFieldsHash(a) === ownedFieldsHash(b), isSame, message)
}

t.test('an object in which nothing is ours has no hash', (t) => {
  t.equal(ownedFieldsHash(object({}, [])), undefined)
  t.equal(ownedFieldsHash(object({ data: {} }, [entry({})])), undefined)
  t.equal(ownedFieldsHash({ apiVersion: 'v1', kind: 'Thing', metadata: { name: 'x' } }), undefined)
  const notOurs: ReadonlyArray<Partial<ManagedFieldsEntry>> = [
    { manager: 'kubectl' },
    { operation: 'Update' },
    { subresource: 'status' },
  ]
  for (const over of notOurs) t.equal(ownedFieldsHash(object({}, [entry({}, over)])), undefined)
  t.end()
})

t.test('a hash covers values and steps of every form', (t) => {
  const ours = {
    'f:spec': {
      'f:replicas': leaf,
      'f:containers': {
        'k:{"name":"web"}': { '.': leaf, 'f:image': leaf, 'f:name': leaf },
      },
      'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': leaf, 'f:port': leaf } },
      'f:finalizers': { 'v:"a/b"': leaf },
      'f:selector': leaf,
      'f:args': { 'i:0': leaf },
    },
  }
  const spec = {
    replicas: 2,
    containers: [
      { name: 'side', image: 'x' },
      { name: 'web', image: 'a:1' },
    ],
    ports: [
      { port: 80, protocol: 'UDP', nodePort: 1 },
      { port: 80, protocol: 'TCP', nodePort: 2 },
    ],
    finalizers: ['c/d', 'a/b'],
    selector: { a: '1', b: '2' },
    args: ['first', 'second'],
  }
  const before = object({ spec }, [entry(ours)])
  const changes: ReadonlyArray<readonly [string, object, boolean]> = [
    ['another value', { replicas: 3 }, false],
    ['a value that is gone', { replicas: undefined }, false],
    ['a field of a list item of ours', { containers: [{ name: 'web', image: 'b:2' }] }, false],
    ['a list item that is gone', { containers: [] }, false],
    ['a member of a set that is gone', { finalizers: ['c/d'] }, false],
    ['a key in an atomic map', { selector: { a: '1', b: '2', c: '3' } }, false],
    ['an element by index', { args: ['other', 'second'] }, false],
    ['another list item', { containers: [{ name: 'web', image: 'a:1' }] }, true],
    ['a field that is not ours in an item that is', { ports: [{ port: 80, protocol: 'TCP', nodePort: 9 }] }, true],
    ['another member of the set', { finalizers: ['a/b', 'e/f'] }, true],
    ['the order of keys', { selector: { b: '2', a: '1' } }, true],
    ['another element', { args: ['first', 'third', 'fourth'] }, true],
    ['a field that nobody owns', { paused: false }, true],
  ]
  for (const [name, change, isSame] of changes) {
    sameHash(t, before, object({ spec: { ...spec, ...change } }, [entry(ours)]), isSame, name)
  }
  t.end()
})

t.test('a field that was taken or removed leaves our entry, whatever its value', (t) => {
  const data = { a: '1', b: '2' }
  const both = object({ data }, [entry({ 'f:data': { 'f:a': leaf, 'f:b': leaf } })])
  const one = object({ data }, [entry({ 'f:data': { 'f:a': leaf } })])
  sameHash(t, both, one, false, 'the same values under fewer fields')
  t.not(ownershipHint(both), ownershipHint(one))
  t.end()
})

t.test('a field that is ours as a whole does not take in what others own below it', (t) => {
  const ours = entry({ 'f:volume': leaf, 'f:ports': leaf })
  const other = (fieldsV1: object) => entry(fieldsV1, { manager: 'kubectl', operation: 'Update' })
  const before = object({ volume: {}, ports: [] }, [ours])
  const after = object({ volume: { size: '1Gi', nested: { deep: 1 } }, ports: [{ port: 80, name: 'web' }] }, [
    ours,
    other({
      'f:volume': { 'f:size': leaf, 'f:nested': leaf },
      'f:ports': { '.': leaf, 'k:{"port":80}': { '.': leaf, 'f:name': leaf } },
    }),
  ])
  sameHash(t, before, after, true, 'a struct and a list that others fill')
  sameHash(t, before, object({ ports: [] }, [ours]), true, 'nothing is the same as an empty field')
  const atomic = object({ volume: { size: '1Gi' }, ports: [] }, [ours, other({ 'f:volume': leaf })])
  sameHash(t, before, atomic, false, 'an atomic field that others own too')
  t.end()
})

t.test('a hint changes with what a metadata event shows of ownership, and with nothing else', (t) => {
  const ours = entry({ 'f:data': { 'f:a': leaf } })
  const metadata = { labels: { a: '1' }, annotations: { b: '2' }, generation: 2, resourceVersion: '8' }
  const before = object({}, [ours], metadata)
  const changes: ReadonlyArray<readonly [string, KubeObject, boolean]> = [
    ['status was written', object({ status: {} }, [ours, entry(leaf, { subresource: 'status' })], metadata), true],
    ['a newer version of the same generation', object({}, [ours], { ...metadata, resourceVersion: '9' }), true],
    ['a newer generation', object({}, [ours], { ...metadata, generation: 3 }), false],
    ['our entry has another time', object({}, [{ ...ours, time: '2026-01-01T00:00:00Z' }], metadata), false],
    ['a label', object({}, [ours], { ...metadata, labels: { a: '2' } }), false],
    ['an annotation', object({}, [ours], { ...metadata, annotations: {} }), false],
    ['a deletion', object({}, [ours], { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' }), false],
    ['an entry that is gone', object({}, [], metadata), false],
    ['another object under the same name', object({}, [ours], { ...metadata, uid: 'v' }), false],
  ]
  for (const [name, after, isSame] of changes) t.equal(ownershipHint(before) === ownershipHint(after), isSame, name)
  t.end()
})

t.test('where generations are not counted, a newer version is a hint as long as nobody writes status', (t) => {
  const ours = entry({ 'f:data': { 'f:a': leaf } })
  const status = entry(leaf, { subresource: 'status' })
  const hint = (managedFields: readonly ManagedFieldsEntry[], resourceVersion: string) =>
    ownershipHint(object({}, managedFields, { resourceVersion }))
  t.not(hint([ours], '8'), hint([ours], '9'))
  t.equal(hint([ours, status], '8'), hint([ours, status], '9'))
  t.end()
})

t.test('of any object, only our own fields count', (t) => {
  interface Field {
    readonly path: readonly string[]
    readonly value: unknown
    readonly owner: 'ours' | 'theirs' | 'nobody'
  }
  const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string()))
  const field: fc.Arbitrary<Field> = fc.record({
    // Only ways that end in a letter of their own, so that no field lies below another.
    path: fc.tuple(fc.constantFrom('spec', 'data'), fc.constantFrom('p', 'q'), fc.constantFrom('a', 'b', 'c', 'd')),
    value,
    owner: fc.constantFrom('ours', 'theirs', 'nobody'),
  })
  const fields = fc.uniqueArray(field, { selector: ({ path }) => path.join('.'), minLength: 1 })

  fc.assert(
    fc.property(fields, fc.nat(), value, (all, chosen, other) => {
      const before = build(all)
      t.equal(ownedFieldsHash(before), ownedFieldsHash(build([...all].reverse())), 'in any order')
      const index = chosen % all.length
      const target = all[index]
      if (target === undefined || JSON.stringify(target.value) === JSON.stringify(other)) return
      const after = build(all.with(index, { ...target, value: other }))
      t.equal(ownedFieldsHash(before) === ownedFieldsHash(after), target.owner !== 'ours', 'another value')
      const taken = build(all.with(index, { ...target, owner: 'theirs' }))
      t.equal(ownedFieldsHash(before) === ownedFieldsHash(taken), target.owner !== 'ours', 'another owner')
    }),
  )
  t.end()

  function build(all: readonly Field[]): KubeObject {
    const body = {}
    const sets = { ours: {}, theirs: {}, nobody: {} }
    for (const { path, value, owner } of all) {
      put(body, path, value)
      put(
        sets[owner],
        path.map((step) => `f:${step}`),
        leaf,
      )
    }
    return object(body, [entry(sets.theirs, { manager: 'kubectl-edit', operation: 'Update' }), entry(sets.ours)])
  }

  function put(tree: Record<string, unknown>, [step = '', ...rest]: readonly string[], value: unknown): void {
    if (rest.length === 0) {
      tree[step] = value
      return
    }
    put((tree[step] ??= {}) as Record<string, unknown>, rest, value)
  }
})
