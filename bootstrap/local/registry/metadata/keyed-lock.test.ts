import t from 'tap'
import { KeyedLock } from './keyed-lock.ts'

t.test('work of one key comes one after the other, also after a failure; other keys do not wait', async (t) => {
  const lock = new KeyedLock()
  const events: string[] = []
  const release = Promise.withResolvers<void>()
  const first = lock.run('a', async () => {
    events.push('first begins')
    await release.promise
    events.push('first fails')
    throw new Error('boom')
  })
  const second = lock.run('a', async () => void events.push('second'))
  await lock.run('b', async () => void events.push('other key'))
  release.resolve()
  await t.rejects(first, { message: 'boom' })
  await second
  t.same(events, ['first begins', 'other key', 'first fails', 'second'])
})
