import t from 'tap'
import type { Delivery } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { delivery } from '../core/test-builders.ts'
import { DeliveryCache } from './delivery-cache.ts'

const key = 'team/web'

t.test('what the watch tells is what there is', async (t) => {
  const { cache, tell } = setUp()

  t.equal(tell(version('1')), key)

  t.equal(cache.get(key)?.metadata.resourceVersion, '1')
  t.same(cache.keys(), [key])
})

t.test('a write counts before the watch has told it', async (t) => {
  const { cache, tell } = setUp()
  tell(version('1'))

  cache.wrote(version('2'))

  t.equal(cache.get(key)?.metadata.resourceVersion, '2')
})

t.test('a write of one that was made anew meanwhile does not count for the new one', async (t) => {
  const { cache, tell } = setUp()
  tell(version('1'))
  tell(delivery({ metadata: { uid: 'uid-2', resourceVersion: '3' } }))

  cache.wrote(version('2'))

  t.equal(cache.get(key)?.metadata.uid, 'uid-2')
})

t.test('an event of an older version does not undo a write', async (t) => {
  const { cache, tell } = setUp()
  tell(version('1'))
  cache.wrote(version('3'))

  tell(version('2'))

  t.equal(cache.get(key)?.metadata.resourceVersion, '3')
})

t.test('once the watch has told the write, what comes after counts', async (t) => {
  const { cache, tell } = setUp()
  tell(version('1'))
  cache.wrote(version('2'))

  t.equal(tell(version('2')), undefined, 'which is no news')
  t.equal(tell(version('3')), key)

  t.equal(cache.get(key)?.metadata.resourceVersion, '3')
})

t.test('of two writes the last one counts until the watch has told that', async (t) => {
  const { cache, tell } = setUp()
  tell(version('1'))
  cache.wrote(version('2'))
  cache.wrote(version('3'))

  tell(version('2'))
  t.equal(cache.get(key)?.metadata.resourceVersion, '3')

  tell(version('3'))
  tell(version('4'))
  t.equal(cache.get(key)?.metadata.resourceVersion, '4')
})

t.test('an answer that comes after its event does not hide what came later', async (t) => {
  const { cache, tell } = setUp()
  tell(version('1'))
  tell(version('2'))
  tell(version('3'))

  cache.wrote(version('2'))

  t.equal(cache.get(key)?.metadata.resourceVersion, '3')
})

t.test('a new list is newer than every write', async (t) => {
  const { cache, tell, sync } = setUp()
  tell(version('1'))
  cache.wrote(version('2'))

  tell(version('9'))
  t.equal(cache.get(key)?.metadata.resourceVersion, '2', 'until it is complete')

  t.same(sync(), [key], 'so that it is to be looked at once more')
  t.equal(cache.get(key)?.metadata.resourceVersion, '9')
})

t.test('a new list that holds the very write is no news', async (t) => {
  const { cache, tell, sync } = setUp()
  tell(version('1'))
  cache.wrote(version('2'))
  tell(version('2'))

  t.same(sync(), [])
})

t.test('what was deleted is gone, also where a write of it is answered late', async (t) => {
  const { cache, tell, remove } = setUp()
  tell(version('1'))

  remove(version('1'))
  cache.wrote(version('2'))

  t.equal(cache.get(key), undefined)
})

t.test('the event of a write that comes before its answer is no news, and what else comes meanwhile is', async (t) => {
  const { cache, tell } = setUp()
  tell(version('1'))

  const end = cache.writeBegins(key)
  t.equal(tell(version('2')), undefined)
  t.notOk(end('2'))

  const endNext = cache.writeBegins(key)
  t.equal(tell(version('3')), undefined, 'it is not known yet whose it is')
  t.equal(tell(version('4')), undefined)
  t.ok(endNext('3'))
  t.equal(tell(version('5')), key)

  const endFailed = cache.writeBegins(key)
  tell(version('6'))
  t.ok(endFailed(undefined), 'where no answer came, anything is news')
})

t.test('what is read counts, though the watch told something older last, until it tells of it again', async (t) => {
  const { cache, tell } = setUp()
  tell(version('2'))
  tell(version('1'))

  cache.readBegins(key)(version('2'))
  t.equal(cache.get(key)?.metadata.resourceVersion, '2')

  tell(version('3'))
  t.equal(cache.get(key)?.metadata.resourceVersion, '3')
})

t.test('what the watch tells while a read is under way counts more than its answer', async (t) => {
  const { cache, tell } = setUp()
  tell(version('1'))

  const take = cache.readBegins(key)
  tell(version('3'))
  take(version('2'))

  t.equal(cache.get(key)?.metadata.resourceVersion, '3')
})

t.test('a write after a read, and a new list, count more than the read', async (t) => {
  const { cache, tell, sync } = setUp()
  tell(version('1'))
  cache.readBegins(key)(version('2'))
  cache.wrote(version('3'))
  t.equal(cache.get(key)?.metadata.resourceVersion, '3')

  cache.readBegins(key)(version('4'))
  tell(version('9'))
  sync()
  t.equal(cache.get(key)?.metadata.resourceVersion, '9')
})

t.test('what was deleted does not come back by a read that began before', async (t) => {
  const { cache, tell, remove } = setUp()
  tell(version('1'))

  const take = cache.readBegins(key)
  remove(version('1'))
  take(version('2'))

  t.equal(cache.get(key), undefined)
})

function setUp() {
  const cache = new DeliveryCache()
  const store = new Map<string, KubeObject>()
  cache.attach({ get: (name) => store.get(name), list: () => [...store.values()] })
  return {
    cache,
    tell: (object: Delivery) => {
      store.set(key, asObject(object))
      return cache.observe({ type: 'modified', object: asObject(object) })
    },
    remove: (object: Delivery) => {
      store.delete(key)
      return cache.observe({ type: 'deleted', object: asObject(object) })
    },
    sync: () => cache.listed(),
  }
}

function version(resourceVersion: string): Delivery {
  return delivery({ metadata: { resourceVersion } })
}

function asObject(object: Delivery): KubeObject {
  return object as unknown as KubeObject
}
