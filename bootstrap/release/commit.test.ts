import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../local/run.ts'
import { readCommit } from './commit.ts'

t.test('a commit is read where nothing is beside it, and what is beside it is named', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'windlass-commit-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const author = [
    '-c',
    'user.name=A Developer',
    '-c',
    'user.email=developer@windlass.test',
    '-c',
    'commit.gpgsign=false',
  ]
  const git = (...args: readonly string[]) => run('git', ['-C', root, ...author, ...args])
  await git('init', '--quiet')
  await writeFile(join(root, 'app.ts'), 'one')
  await git('add', '.')
  await git('commit', '--quiet', '--message', 'One')
  t.match(await readCommit(root), {
    sha: /^[0-9a-f]{40}$/,
    created: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/,
  })

  await writeFile(join(root, 'app.ts'), 'two')
  await writeFile(join(root, 'new.ts'), 'new')
  await t.rejects(readCommit(root), {
    message: /would be in the image, and not in the commit.*\n.* M app\.ts\n.*new\.ts/,
  })
})
