import t from 'tap'
import { SharedLock } from './shared-lock.ts'

t.test(
  'shared work runs side by side; exclusive work waits for it, and those who come later for the exclusive',
  async (t) => {
    const lock = new SharedLock()
    const events: string[] = []
    const release = Promise.withResolvers<void>()
    const work = (name: string, until?: Promise<void>) => async () => {
      events.push(`${name} begins`)
      await until
      events.push(`${name} ends`)
    }
    const all = [
      lock.shared('a', work('first', release.promise)),
      lock.shared('a', work('second', release.promise)),
      lock.exclusive('a', work('alone')),
      lock.shared('a', work('later')),
    ]
    await lock.exclusive('b', work('other key'))
    release.resolve()
    await Promise.all(all)
    t.same(events, [
      'first begins',
      'second begins',
      'other key begins',
      'other key ends',
      'first ends',
      'second ends',
      'alone begins',
      'alone ends',
      'later begins',
      'later ends',
    ])
  },
)

t.test('work that fails lets the next go on', async (t) => {
  const lock = new SharedLock()
  const fail = async () => {
    throw new Error('boom')
  }
  await t.rejects(lock.shared('a', fail), { message: 'boom' })
  await t.rejects(lock.exclusive('a', fail), { message: 'boom' })
  t.equal(await lock.exclusive('a', async () => 'done'), 'done')
})
