import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../local/run.ts'

const root = join(import.meta.dirname, '..', '..')
const folders = ['bootstrap', 'dashboards', 'docs', 'infra', 'manifests', 'predictor', 'reconciler']
const files = ['ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md']
const settings = ['package-lock.json', 'package.json', 'tsconfig.json']

/** A key in full, as a tool that was started in the checkout leaves one; not a line in a test that has none. */
const key = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}/

const { stdout } = await run('git', ['-C', root, 'ls-files', '-z'])
const tracked = stdout.split('\0').filter((path) => path !== '' && existsSync(join(root, path)))

t.test('nothing else stands at the top but dotfiles', async (t) => {
  const top = [...new Set(tracked.map((path) => path.split('/')[0] ?? ''))]
  t.same(top.filter((name) => !name.startsWith('.')).toSorted(), [...folders, ...files, ...settings].toSorted())
})

t.test('no private key is kept', async (t) => {
  const text = 'A1b2'.repeat(20)
  t.match(`-----BEGIN RSA PRIVATE KEY-----\n${text}`, key)
  t.same(
    tracked.filter((path) => key.test(readFileSync(join(root, path), 'latin1'))),
    [],
  )
})
