import { access, readdir } from 'node:fs/promises'
import t from 'tap'
import { bundleInto } from './reconciler-process.ts'

t.test('files that need the program at once get one bundle, and a later one no other', async (t) => {
  const dir = t.testdir()
  const [one, other] = await Promise.all([bundleInto(dir), bundleInto(dir)])

  t.same(one, other)
  await t.resolves(access(one.file))
  t.same(await readdir(dir), ['reconciler'], 'nothing is left of the other')
  t.same(await bundleInto(dir), one)
})
