import t, { type Test } from 'tap'
import { FakeClock, settle } from './fake-clock.ts'
import { WorkQueue } from './work-queue.ts'

t.test('a key added while it waits is handled once', async (t) => {
  const { queue, handled, start } = setUp(t, { concurrency: 1 })

  queue.add('a')
  queue.add('a')
  queue.add('b')
  void start()
  await settle()

  t.same(handled, ['a', 'b'])
})

t.test('a key added while it is handled is handled once more, however often it was added', async (t) => {
  const { queue, handled, start, finish } = setUp(t, { concurrency: 2, holdsWork: true })

  void start()
  queue.add('a')
  await settle()
  queue.add('a')
  queue.add('a')
  await settle()
  t.same(handled, ['a'], 'not twice at once')

  finish('a')
  await settle()
  finish('a')
  await settle()
  t.same(handled, ['a', 'a'])
})

t.test('no more keys are handled at once than the concurrency allows', async (t) => {
  const { queue, handled, start, finish } = setUp(t, { concurrency: 2, holdsWork: true })

  void start()
  for (const key of ['a', 'b', 'c']) queue.add(key)
  await settle()
  t.same(handled, ['a', 'b'])
  t.equal(queue.depth, 1)

  finish('b')
  await settle()
  t.same(handled, ['a', 'b', 'c'])
})

t.test('a group whose places are taken holds up no other', async (t) => {
  const groupOf = (key: string) => key.slice(0, 1)
  const { handled, queue, start, finish } = setUp(t, { concurrency: 2, holdsWork: true, groupOf })

  void start()
  for (const key of ['a1', 'a2', 'a3', 'b1']) queue.add(key)
  await settle()
  t.same(handled, ['a1', 'a2', 'b1'])

  finish('b1')
  await settle()
  t.same(handled, ['a1', 'a2', 'b1'], 'the place of another group is none of its own')

  finish('a2')
  await settle()
  t.same(handled, ['a1', 'a2', 'b1', 'a3'])
})

t.test('a delayed key comes when its time has come, not before', async (t) => {
  const { queue, clock, handled, start } = setUp(t, { concurrency: 1 })

  void start()
  queue.addAfter('a', 1000)
  await clock.advance(999)
  t.same(handled, [])

  await clock.advance(1)
  t.same(handled, ['a'])
})

t.test('of several delays of a key the earliest counts', async (t) => {
  const { queue, clock, handled, start } = setUp(t, { concurrency: 1 })

  void start()
  queue.addAfter('a', 1000)
  queue.addAfter('a', 200)
  queue.addAfter('a', 5000)
  await clock.advance(200)
  t.same(handled, ['a'])

  await clock.advance(10_000)
  t.same(handled, ['a'], 'the later ones are gone')
})

t.test('handling a key drops its delay', async (t) => {
  const { queue, clock, handled, start } = setUp(t, { concurrency: 1 })

  void start()
  queue.addAfter('a', 1000)
  queue.add('a')
  await clock.advance(2000)

  t.same(handled, ['a'])
})

t.test('a delay set while the key is handled stays', async (t) => {
  const { queue, clock, handled, start, finish } = setUp(t, { concurrency: 1, holdsWork: true })

  void start()
  queue.add('a')
  await settle()
  queue.addAfter('a', 100)
  finish('a')
  await clock.advance(100)
  finish('a')

  t.same(handled, ['a', 'a'])
})

t.test('on abort it waits for what runs, drops what waits and leaves no timer', async (t) => {
  const { queue, clock, handled, start, finish, abort } = setUp(t, { concurrency: 1, holdsWork: true })

  const ended = start()
  queue.add('a')
  queue.add('b')
  queue.addAfter('c', 1000)
  await settle()
  abort()
  await settle()
  t.equal(await isSettled(ended), false)

  finish('a')
  await ended
  t.same(handled, ['a'])
  t.equal(clock.pending, 0)
  t.equal(queue.depth, 0)
})

t.test('runs again after an abort, with keys added since', async (t) => {
  const { queue, handled, start, abort } = setUp(t, { concurrency: 1 })

  const ended = start()
  abort()
  await ended
  queue.add('a')
  await settle()
  t.same(handled, [], 'nobody handles keys between two runs')

  void start()
  await settle()
  t.same(handled, ['a'])
})

t.test('a handler that throws ends the run with what it threw', async (t) => {
  const queue = new WorkQueue({ clock: new FakeClock(), concurrency: 1 })
  queue.add('a')

  const run = queue.run(() => Promise.reject(new Error('a bug')), new AbortController().signal)

  await t.rejects(run, { message: 'a bug' })
})

t.test('tells its depth whenever it changes', async (t) => {
  const depths: number[] = []
  const queue = new WorkQueue({ clock: new FakeClock(), concurrency: 1, onDepth: (depth) => depths.push(depth) })

  queue.add('a')
  queue.add('b')

  t.same(depths, [1, 2])
})

interface SetUp {
  readonly concurrency: number
  readonly groupOf?: (key: string) => string
  readonly holdsWork?: boolean
}

function setUp(t: Test, { holdsWork = false, ...options }: SetUp) {
  const clock = new FakeClock()
  const queue = new WorkQueue({ clock, ...options })
  const handled: string[] = []
  const held = new Map<string, () => void>()
  let controller = new AbortController()

  const handle = async (key: string) => {
    handled.push(key)
    if (holdsWork) await new Promise<void>((resolve) => held.set(key, resolve))
  }
  t.teardown(() => {
    controller.abort()
    for (const release of held.values()) release()
  })
  return {
    clock,
    queue,
    handled,
    start: () => {
      controller = new AbortController()
      return queue.run(handle, controller.signal)
    },
    abort: () => controller.abort(),
    finish: (key: string) => held.get(key)?.(),
  }
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), settle().then(() => false)])
}
