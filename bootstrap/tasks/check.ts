// `npm run check`: everything that can be said about the sources without running them.
import { linters } from '../checks/linters.ts'
import { runAttached } from './attached.ts'

export interface Check {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly repair?: string
}

export const checks: readonly Check[] = [
  { name: 'format', command: 'prettier', args: ['--check', '--log-level=warn', '.'], repair: 'npm run format' },
  { name: 'types', command: 'tsc', args: ['--noEmit'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware', '--quiet'] },
  {
    name: 'generated files',
    command: 'node',
    args: ['bootstrap/tasks/generate.ts', '--check'],
    repair: 'npm run generate',
  },
  {
    name: 'graph of infra',
    command: 'node',
    args: ['infra/src/graph/main.ts', '--check'],
    repair: 'npm run infra:graph',
  },
  {
    name: 'links in documents',
    command: 'remark',
    args: [
      '--frail',
      '--quiet',
      '--no-stdout',
      '--no-config',
      '--ignore-path=.prettierignore',
      '--use',
      'remark-validate-links=repository:false',
      '.',
    ],
  },
  ...Object.keys(linters).map((name) => ({ name, command: 'node', args: ['bootstrap/tasks/lint-files.ts', name] })),
]

const failures: Check[] = []
for (const check of checks) {
  const startedAt = Date.now()
  const exitCode = await runAttached(check.command, check.args)
  console.log(`${exitCode === 0 ? 'ok  ' : 'FAIL'} ${check.name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`)
  if (exitCode !== 0) failures.push(check)
}
for (const { name, repair } of failures) console.error(`${name} failed${repair ? `; to mend: ${repair}` : ''}`)
console.log(`${checks.length - failures.length} passed, ${failures.length} failed`)
process.exitCode = failures.length > 0 ? 1 : 0
