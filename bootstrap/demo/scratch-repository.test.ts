import { chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../local/run.ts'
import { makeScratchRepository } from './scratch-repository.ts'

const { signal } = new AbortController()

t.test('the scratch repository holds the checkout as it is, what is not committed included', async (t) => {
  const { checkout, path } = await makeCheckout(t)
  await writeFile(join(checkout, 'predictor/README.md'), 'changed\n')
  await writeFile(join(checkout, 'predictor/new.ts'), '')
  const scratch = await makeScratchRepository(checkout, path, signal)
  t.equal(await readFile(join(scratch.path, 'predictor/README.md'), 'utf8'), 'changed\n')
  t.ok((await readdir(join(scratch.path, 'predictor'))).includes('new.ts'))
  t.match(await scratch.head(), { sha: /^[0-9a-f]{40}$/, created: /^\d{4}-\d{2}-\d{2}T/ })
})

t.test('a file that is deleted and not committed is left out, and a name may hold any letter', async (t) => {
  const { checkout, path } = await makeCheckout(t)
  await writeFile(join(checkout, 'predictor/gone.ts'), '')
  await run('git', ['-C', checkout, 'add', '--all'])
  await rm(join(checkout, 'predictor/gone.ts'))
  await writeFile(join(checkout, 'predictor/prüfung "1".ts'), '')
  const scratch = await makeScratchRepository(checkout, path, signal)
  t.strictSame((await readdir(join(scratch.path, 'predictor'))).sort(), ['README.md', 'prüfung "1".ts'])
})

t.test("listing the files runs nothing that the checkout's own configuration names", async (t) => {
  const { checkout, path } = await makeCheckout(t)
  const proof = join(dirname(checkout), 'ran')
  await run('git', ['-C', checkout, 'config', 'core.fsmonitor', `touch ${proof}; false`])
  await makeScratchRepository(checkout, path, signal)
  await t.rejects(readFile(proof), { code: 'ENOENT' })
})

t.test('a change is a commit of its own, and one that changes nothing is an error', async (t) => {
  const { checkout, path } = await makeCheckout(t)
  const scratch = await makeScratchRepository(checkout, path, signal)
  const before = await scratch.head()
  const change = { message: 'Say more', file: 'predictor/README.md' }
  const commit = await scratch.commit({ ...change, edit: (text) => `${text}more\n` })
  t.not(commit.sha, before.sha)
  t.same(await scratch.head(), commit)
  await t.rejects(scratch.commit({ ...change, edit: (text) => text }), /changes nothing in predictor\/README.md/)
})

t.test('a commit that is taken back leaves the files as they were before it', async (t) => {
  const { checkout, path } = await makeCheckout(t)
  const scratch = await makeScratchRepository(checkout, path, signal)
  const change = { message: 'Say more', file: 'predictor/README.md', edit: (text: string) => `${text}more\n` }
  const { sha } = await scratch.commit(change)
  await scratch.revert()
  t.equal(await readFile(join(scratch.path, change.file), 'utf8'), 'text\n')
  t.not((await scratch.head()).sha, sha)
})

t.test('the checkout may be owned by another user than the one who runs', async (t) => {
  const { checkout, path } = await makeCheckout(t)
  if (process.getuid?.() === 0) {
    const entries = await readdir(checkout, { recursive: true })
    for (const entry of ['.', ...entries]) await chown(join(checkout, entry), 65_534, 65_534)
    await t.rejects(run('git', ['-C', checkout, 'ls-files']), /dubious ownership/, 'git by itself refuses')
  }
  const scratch = await makeScratchRepository(checkout, path, signal)
  t.ok((await readdir(scratch.path)).includes('predictor'))
})

async function makeCheckout(t: Test): Promise<{ readonly checkout: string; readonly path: string }> {
  const folder = t.testdir()
  const checkout = join(folder, 'checkout')
  for (const file of [
    'predictor/README.md',
    'manifests/predictor/release/x.yaml',
    'bootstrap/local/images/x.ts',
    'package.json',
    'tsconfig.json',
    'LICENSE',
  ]) {
    await mkdir(dirname(join(checkout, file)), { recursive: true })
    await writeFile(join(checkout, file), 'text\n')
  }
  await run('git', ['-C', checkout, 'init', '--quiet'])
  await run('git', ['-C', checkout, 'add', '--all'])
  return { checkout, path: join(folder, 'scratch') }
}
