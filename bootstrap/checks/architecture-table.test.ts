import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { exportsName, readArchitectureTable } from './architecture-table.ts'

const root = join(import.meta.dirname, '..', '..')
const heading = 'Where a behaviour lives'

t.test("every row of ARCHITECTURE.md's table names a file and something that it exports", async (t) => {
  const rows = readArchitectureTable(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'), heading)
  t.ok(rows.length >= 30, `the table has ${rows.length} rows`)
  for (const { behaviour, file, exported } of rows) {
    const path = join(root, file)
    t.ok(existsSync(path), `${behaviour}: ${file} exists`)
    if (existsSync(path))
      t.ok(exportsName(readFileSync(path, 'utf8'), exported), `${behaviour}: ${file} exports ${exported}`)
  }
})

t.test('a row that is not of the form is not read, and a name that is not exported is not found', async (t) => {
  const table = `# A\n\n## ${heading}\n\n| does | \`a.ts\` | \`b\` |\n| no file | a.ts | b |\n\n## Next\n\n| x | \`c.ts\` | \`d\` |\n`
  t.same(readArchitectureTable(table, heading), [{ behaviour: 'does', file: 'a.ts', exported: 'b' }])
  t.equal(exportsName('export function decide() {}', 'decide'), true)
  t.equal(exportsName('export function decided() {}', 'decide'), false)
  t.equal(exportsName('function decide() {}', 'decide'), false)
})
