import t from 'tap'
import { AppError } from '../core/errors.ts'
import { forEachObject, mendable } from './each-object.ts'

const held = new AppError({ kind: 'waiting', reason: 'FieldConflict', message: 'held' })
const moved = new AppError({ kind: 'retryable', reason: 'ApiConflict', message: 'moved' })
const refused = new AppError({ kind: 'terminal', reason: 'ApplyRefused', message: 'refused' })
const ofAll: Record<string, Error> = {
  'the API server does not answer': new AppError({ kind: 'retryable', reason: 'ApiUnavailable', message: 'away' }),
  'the lease is lost': new AppError({ kind: 'aborted', reason: 'LeaseLost', message: 'lost' }),
  'there is a bug': new TypeError('a bug'),
}

t.test('what is refused for good is tried again where somebody may come to allow it', async (t) => {
  await t.rejects(
    mendable(() => Promise.reject(refused)),
    { kind: 'waiting', reason: 'ApplyRefused', message: 'refused', cause: refused },
  )
  for (const error of [held, moved, ...Object.values(ofAll)]) {
    await t.rejects(
      mendable(() => Promise.reject(error)),
      error,
    )
  }
  await t.resolves(mendable(() => Promise.resolve()))
})

t.test(
  'what is in the way of one is thrown once all others had their turn, of several what passes soonest',
  async (t) => {
    const cases = [
      [{ b: held, c: moved }, moved],
      [{ b: refused, c: held }, held],
      [{ b: refused }, refused],
    ] as const
    for (const [errors, thrown] of cases) {
      const { done, run } = setUp(errors)
      await t.rejects(run(), thrown)
      t.same(
        done,
        ['a', 'b', 'c', 'd'].filter((name) => !(name in errors)),
      )
    }
  },
)

for (const [what, error] of Object.entries(ofAll)) {
  t.test(`where ${what} none is tried after it`, async (t) => {
    const { done, run } = setUp({ b: error })
    await t.rejects(run(), error)
    t.same(done, ['a'])
  })
}

function setUp(errors: Readonly<Record<string, Error>>) {
  const done: string[] = []
  const run = async () =>
    forEachObject(['a', 'b', 'c', 'd'], async (name) => {
      if (errors[name] !== undefined) throw errors[name]
      done.push(name)
    })
  return { done, run }
}
