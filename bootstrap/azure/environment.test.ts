import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { exampleFile } from '../../infra/src/examples.ts'
import { environmentsFolder, readEnvironment } from './environment.ts'

t.test('an environment without a file is told, with the example to copy and where to', async (t) => {
  const folder = t.testdir()
  await t.rejects(readEnvironment('staging', folder), {
    message:
      /staging\.json: there is no such file\n[^]*copy infra\/examples\/dev\.json or prod\.json to .*staging\.json/,
  })
  await t.rejects(readEnvironment('prod', folder), { message: /copy infra\/examples\/prod\.json to .*prod\.json/ })
  // As no fork names one.
  await t.rejects(readEnvironment('example', environmentsFolder), {
    message: /^the environment infra\/environments\/example\.json: /,
  })
})

t.test('a copy of an example is read with what was changed in it', async (t) => {
  const folder = t.testdir()
  const example = await readFile(exampleFile('prod'), 'utf8')
  await copyFile(exampleFile('prod'), join(folder, 'prod.json'))
  t.match(await readEnvironment('prod', folder), { names: { registry: 'crwindlassprodc0n70s0' } })
  await writeFile(join(folder, 'prod.json'), example.replace('c0n70s0', 'f4br1k'))
  t.match(await readEnvironment('prod', folder), { names: { registry: 'crwindlassprodf4br1k' } })
})
