import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readIfThere, readJsonIfThere, writeWhole } from './files.ts'

t.test('a file that is not there is no error, and what can not be read is one', async (t) => {
  const dir = t.testdir({ broken: '{' })
  t.equal(await readIfThere(join(dir, 'none')), undefined)
  t.equal(await readJsonIfThere(join(dir, 'none')), undefined)
  t.equal(await readIfThere(join(dir, 'broken')), '{')
  await t.rejects(readJsonIfThere(join(dir, 'broken')), SyntaxError)
  await t.rejects(readIfThere(dir), { code: 'EISDIR' })
})

t.test('a file is written whole, for its owner alone where that is asked', async (t) => {
  const dir = t.testdir()
  const file = join(dir, 'facts.json')
  await writeFile(`${file}.new`, 'left by one that was killed', { mode: 0o600 })
  await writeWhole(file, '{"a":1}\n', { mode: 0o600 })
  t.same(await readJsonIfThere(file), { a: 1 })
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.same(await readdir(dir), ['facts.json'])
})
