import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { checkout } from '../local/checkout.ts'
import { run } from '../local/run.ts'

t.test('the linter refuses what makes code of text', async (t) => {
  // Outside of the checkout, whose .gitignore the linter keeps to.
  const folder = await mkdtemp(join(tmpdir(), 'windlass-lint-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'planted.js')
  await writeFile(
    file,
    [
      'export const sum = eval(process.argv[2])',
      'export const add = new Function("a", "return a")',
      'export const link = "javascript:void(0)"',
    ].join('\n'),
  )
  const config = join(checkout, '.oxlintrc.json')
  const args = [join(checkout, 'node_modules/.bin/oxlint'), '--config', config, '--format=json', file]
  // Without what tap has each program load.
  const { exitCode, stdout } = await run('env', ['-u', 'NODE_OPTIONS', process.execPath, ...args], { accept: [1] })
  t.equal(exitCode, 1)
  const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: readonly { readonly code: string }[] }
  const found = new Set(diagnostics.map(({ code }) => code))
  for (const rule of ['no-eval', 'no-new-func', 'no-script-url']) t.ok(found.has(`eslint(${rule})`), rule)
})
