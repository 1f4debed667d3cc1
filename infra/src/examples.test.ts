import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parseConfig } from './config.ts'
import { stackFile, stackNames, synthesize } from './synth.ts'
import { exampleEnvironment } from './testing.ts'

const run = promisify(execFile)
const infra = join(import.meta.dirname, '..')

t.test('what a fork makes of its environments changes nothing that the checks look at', async (t) => {
  const fork = await copyOfInfra(t)
  const own = { ...exampleEnvironment('prod'), nameSuffix: 'f4br1k' }
  await writeFile(join(fork, 'environments', 'prod.json'), JSON.stringify(own))
  await writeFile(join(fork, 'environments', 'dev.json'), '{')

  const graph = await run(process.execPath, [join(fork, 'src', 'graph', 'main.ts'), '--check'])
  t.match(graph.stdout, 'up to date')
  const [theirs, ours] = [join(fork, 'theirs'), join(fork, 'ours')]
  await run(process.execPath, [join(fork, 'src', 'main.ts'), '--profile', 'prod', '--out', theirs])
  synthesize(parseConfig(exampleEnvironment('prod')), ours)
  for (const name of stackNames) {
    t.equal(await readFile(stackFile(theirs, name), 'utf8'), await readFile(stackFile(ours, name), 'utf8'), name)
  }
})

/** Of what is committed of it, with the packages of this checkout. */
async function copyOfInfra(t: Test): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'windlass-fork-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const fork = join(root, 'infra')
  await cp(infra, fork, { recursive: true, filter: (path) => !path.endsWith('/node_modules') })
  await symlink(join(infra, '..', 'node_modules'), join(root, 'node_modules'))
  return fork
}
