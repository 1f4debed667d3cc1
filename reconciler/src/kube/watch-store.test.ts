import * as fc from 'fast-check'
import t from 'tap'
import type { KubeObject, WatchEvent } from './ports.ts'
import { createWatchStore } from './watch-store.ts'

function pod(name: string, uid: string, resourceVersion: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'a', name, uid, resourceVersion } }
}

function told(events: ReadonlyArray<WatchEvent<KubeObject>>): string[] {
  return events.map((event) => {
    if (event.type === 'synced') return event.type
    const { name, uid, resourceVersion } = event.object.metadata
    return `${event.type} ${name}/${uid}@${resourceVersion}`
  })
}

t.test('what changed is told once, however often it comes', (t) => {
  const store = createWatchStore()
  t.same(told(store.replace([pod('x', 'u1', '1')])), ['added x/u1@1', 'synced'])
  t.same(told(store.put(pod('x', 'u1', '1'))), [])
  t.same(told(store.put(pod('x', 'u1', '2'))), ['modified x/u1@2'])
  t.same(told(store.replace([pod('x', 'u1', '2')])), ['synced'])
  t.same(told(store.remove(pod('x', 'u1', '3'))), ['deleted x/u1@3'])
  t.same(told(store.remove(pod('x', 'u1', '3'))), [])
  t.end()
})

t.test('an object made anew under the same name is another one', (t) => {
  const store = createWatchStore()
  store.put(pod('x', 'u1', '1'))
  t.same(told(store.put(pod('x', 'u2', '5'))), ['deleted x/u1@1', 'added x/u2@5'])
  t.same(told(store.remove(pod('x', 'u1', '4'))), [], 'its forerunner’s end comes late')
  t.same(told(store.put(pod('x', 'u1', '1'))), [], 'and cannot be repeated back to life')
  t.equal(store.get('a/x')?.metadata.uid, 'u2')
  t.end()
})

t.test('an object that left the selection may come back, but not by an event that is repeated', (t) => {
  const store = createWatchStore()
  store.put(pod('x', 'u1', '1'))
  store.remove(pod('x', 'u1', '2'))
  t.same(told(store.put(pod('x', 'u1', '1'))), [])
  t.same(told(store.put(pod('x', 'u1', '2'))), [])
  t.same(told(store.put(pod('x', 'u1', '3'))), ['added x/u1@3'])
  t.end()
})

t.test('what a new list no longer holds was deleted', (t) => {
  const store = createWatchStore()
  store.replace([pod('x', 'u1', '1'), pod('y', 'u2', '1')])
  t.same(told(store.replace([pod('y', 'u2', '1')])), ['deleted x/u1@1', 'synced'])
  t.same(store.list(), [pod('y', 'u2', '1')])
  t.end()
})

t.test('objects without a namespace are known by their name', (t) => {
  const store = createWatchStore()
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', uid: 'u', resourceVersion: '1' } }
  store.put(namespace)
  t.equal(store.get('a'), namespace)
  t.end()
})

t.test('who follows the events alone knows what the store knows', (t) => {
  const object = fc
    .record({ name: fc.constantFrom('x', 'y', 'z'), uid: fc.nat(3), resourceVersion: fc.nat(3) })
    .map(({ name, uid, resourceVersion }) => pod(name, `${name}${uid}`, String(resourceVersion)))
  const step = fc.oneof(
    fc.record({ verb: fc.constant('replace' as const), objects: fc.uniqueArray(object, { selector: nameOf }) }),
    fc.record({ verb: fc.constantFrom('put' as const, 'remove' as const), object }),
  )
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const store = createWatchStore()
      const mirror = new Map<string, KubeObject>()
      for (const step of steps) {
        const events = step.verb === 'replace' ? store.replace(step.objects) : store[step.verb](step.object)
        for (const event of events) {
          if (event.type === 'synced') continue
          const name = nameOf(event.object)
          t.equal(mirror.has(name), event.type !== 'added', 'added is new, modified and deleted are not')
          if (event.type === 'deleted') mirror.delete(name)
          else mirror.set(name, event.object)
        }
        t.strictSame(new Set(store.list()), new Set(mirror.values()))
        if (step.verb === 'replace') t.strictSame(told(store.replace(step.objects)), ['synced'], 'a list is the truth')
      }
    }),
  )
  t.end()
})

function nameOf({ metadata }: KubeObject): string {
  return metadata.name
}
