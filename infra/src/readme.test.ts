import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { profiles } from './profiles.ts'
import { environmentSchema } from './settings.ts'

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')

t.test('every setting is in README.md, and README.md names no other', async (t) => {
  const settings = Object.entries(profiles.prod).flatMap(([group, keys]) =>
    Object.keys(keys).map((key) => `${group}.${key}`),
  )
  const rows = [...readme.matchAll(/^\| `(\w+\.\w+)` /gm)].map(([, name = '']) => name)
  t.strictSame(rows.toSorted(), settings.toSorted())
})

t.test('every key of an environment is in README.md', async (t) => {
  for (const key of Object.keys(environmentSchema.properties)) t.ok(readme.includes(`\`${key}\``), key)
})
