import { globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'
import { checkout } from '../local/checkout.ts'
import { localWorkspaces } from './packages.mjs'
import { tasks } from './tasks.mjs'

/** What local tasks begin with, and what those start: programs of the platform by their `main.ts`, benchmarks by name. */
const programs = [
  ...Object.values(tasks).flatMap(({ isLocal, program }) => (isLocal === true ? [program] : [])),
  ...globSync(['bootstrap/local/**/main.ts', 'reconciler/src/main.ts', 'reconciler/bench/*.ts'], { cwd: checkout }),
].filter((file) => !file.endsWith('.test.ts'))

t.test('what needs no packages of infra and dashboards imports none, nor a file of theirs', async (t) => {
  for (const known of ['demo', 'cluster', 'bench']) t.ok(programs.includes(`bootstrap/tasks/${known}.ts`), known)
  t.ok(programs.includes('bootstrap/local/ingress/main.ts'))
  const { files, packages } = await importedBy(programs)
  t.ok(files.includes('bootstrap/local/native/backend.ts'), 'what is imported only when it is needed is followed too')
  t.same(files.filter(isElsewhere), [])
  const installed = new Set(['.', ...localWorkspaces].flatMap(dependenciesOf))
  t.same(
    packages.filter((name) => !installed.has(name)),
    [],
  )
})

t.test('an import of theirs would be seen', async (t) => {
  const { files, packages } = await importedBy(['bootstrap/tasks/bootstrap.ts', 'bootstrap/tasks/generate.ts'])
  for (const folder of ['infra', 'dashboards']) {
    t.ok(
      files.some((file) => isElsewhere(file) && file.startsWith(`${folder}/`)),
      folder,
    )
  }
  const installed = new Set(['.', ...localWorkspaces].flatMap(dependenciesOf))
  const missing = new Set(packages.filter((name) => !installed.has(name)))
  for (const name of ['@cdktf/provider-azurerm', '@grafana/grafana-foundation-sdk']) t.ok(missing.has(name), name)
})

function isElsewhere(file: string): boolean {
  return !localWorkspaces.some((name) => file.startsWith(`${name}/`))
}

/** Files of ours, and names of packages, that programs import, or may import later. */
async function importedBy(entryPoints: readonly string[]) {
  const { metafile } = await build({
    absWorkingDir: checkout,
    entryPoints: [...entryPoints],
    outdir: 'unwritten',
    write: false,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    metafile: true,
    logLevel: 'silent',
  })
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports)
  const names = imports.flatMap(({ path, external }) =>
    external === true && !isBuiltin(path) ? [packageOf(path)] : [],
  )
  return { files: Object.keys(metafile.inputs), packages: [...new Set(names)] }
}

function packageOf(path: string): string {
  return path.split('/', path.startsWith('@') ? 2 : 1).join('/')
}

function dependenciesOf(workspace: string): readonly string[] {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(
    readFileSync(join(checkout, workspace, 'package.json'), 'utf8'),
  ) as Readonly<Record<string, Readonly<Record<string, string>>>>
  return Object.keys({ ...dependencies, ...devDependencies })
}
