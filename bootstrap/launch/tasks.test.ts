import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { tasks } from './tasks.mjs'

const path = process.env['PATH']
t.teardown(() => (process.env['PATH'] = path))

/** Whether a command needs root where these programs, and no others, are on PATH. */
async function needsRoot(folder: string, programs: readonly string[], typed: string): Promise<boolean> {
  await mkdir(folder)
  for (const program of programs) {
    await writeFile(join(folder, program), '#!/bin/sh\n')
    await chmod(join(folder, program), 0o755)
  }
  process.env['PATH'] = folder
  const [task = '', ...args] = typed.split(' ')
  return tasks[task]?.needs?.(args).includes('root') ?? false
}

const both = ['docker', 'kind']
const cases: readonly (readonly [programs: readonly string[], typed: string, root: boolean])[] = [
  [[], 'demo', true],
  [['docker'], 'demo --once', true],
  [['kind'], 'demo', true],
  [both, 'demo --once', false],
  [both, 'demo --backend native', true],
  [both, 'demo --backend=native --once', true],
  [[], 'demo --backend kind', false],
  [[], 'demo --once --backend=kind', false],
  [both, 'cluster up', true],
  [both, 'cluster down --name demo', true],
  [[], 'cluster up --backend kind', false],
  [[], 'cluster down --name demo --backend kind', false],
]

for (const [programs, typed, root] of cases) {
  const where = programs.length > 0 ? `with ${programs.join(' and ')} on PATH` : 'without docker and kind on PATH'
  t.test(`${typed}, ${where}, needs ${root ? '' : 'no '}root`, async (t) => {
    t.equal(await needsRoot(join(t.testdir(), 'bin'), programs, typed), root)
  })
}
