import t from 'tap'
import { abortable } from './abortable.ts'

t.test('what the work answers is answered', async (t) => {
  t.equal(await abortable(Promise.resolve(1), new AbortController().signal), 1)
  await t.rejects(abortable(Promise.reject(new Error('work')), new AbortController().signal), { message: 'work' })
})

t.test('giving up ends the wait with the reason of the abort, and the work goes on', async (t) => {
  const controller = new AbortController()
  const work = Promise.withResolvers<number>()
  const waiting = abortable(work.promise, controller.signal)
  controller.abort(new Error('enough'))
  await t.rejects(waiting, { message: 'enough' })
  work.resolve(2)
  t.equal(await work.promise, 2)
})

t.test('work that fails after the wait was given up is not an unhandled rejection', async (t) => {
  const unhandled: unknown[] = []
  const record = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', record)
  t.teardown(() => process.off('unhandledRejection', record))
  const work = Promise.withResolvers<number>()
  await t.rejects(abortable(work.promise, AbortSignal.abort(new Error('before'))), { message: 'before' })
  work.reject(new Error('late'))
  await new Promise(setImmediate)
  t.strictSame(unhandled, [])
})
