import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runSynth } from './cli.ts'
import { exampleFile } from './examples.ts'
import { stackFile, stackNames } from './synth.ts'

async function run(...args: readonly string[]) {
  const lines = { out: [] as string[], err: [] as string[] }
  const status = await runSynth(args, { out: (line) => lines.out.push(line), err: (line) => lines.err.push(line) })
  return { status, out: lines.out, err: lines.err.join('\n') }
}

for (const profile of ['dev', 'prod']) {
  t.test(`two runs write the same bytes for ${profile}`, async (t) => {
    const [one, other] = [join(t.testdir(), 'one', 'deep'), join(t.testdir(), 'other')]
    for (const folder of [one, other]) t.match(await run('--profile', profile, '--out', folder), { status: 0 })
    for (const name of stackNames) {
      const text = readFileSync(stackFile(one, name), 'utf8')
      t.equal(readFileSync(stackFile(other, name), 'utf8'), text, name)
      t.notOk(text.includes(import.meta.dirname) || text.includes(t.testdirName), 'nothing of the machine is in them')
    }
  })
}

t.test('without a profile or a file it tells how it is used', async (t) => {
  t.match(await run(), { status: 2, err: /npm run synth -- --profile dev\|prod/ })
  t.match(await run('--profile', 'staging'), {
    status: 2,
    err: /there is no profile 'staging'; there are: dev, prod\n[^]*--profile/,
  })
})

t.test('what can not be read is told, and nothing is written', async (t) => {
  const folder = t.testdir({ 'broken.json': '{', 'wrong.json': '{"profile":"dev"}' })
  t.match(await run('--config', join(folder, 'missing.json')), {
    status: 1,
    out: [],
    err: /there is no file .*missing\.json: copy infra\/examples\/dev\.json or prod\.json to .*missing\.json and change it/,
  })
  t.match(await run('--config', join(folder, 'prod.json')), {
    status: 1,
    err: /: copy infra\/examples\/prod\.json to /,
  })
  t.match(await run('--config', join(folder, 'broken.json')), { status: 1, out: [], err: /broken\.json is not JSON/ })
  t.match(await run('--config', join(folder, 'wrong.json')), {
    status: 1,
    out: [],
    err: /must have required properties/,
  })
  t.match(await run('--nope'), { status: 1, err: /Unknown option/ })
})

t.test('a file is not taken for another profile than its own', async (t) => {
  t.match(await run('--config', exampleFile('prod'), '--profile', 'dev', '--out', t.testdir()), {
    status: 1,
    err: /profile is prod in the environment's file, and dev was asked for/,
  })
})
