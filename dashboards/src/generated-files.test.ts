/** That what is committed is what these sources make; its very layout is `npm run check`'s to see to. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { generatedFiles } from './generated-files.ts'

const root = join(import.meta.dirname, '..', '..')

t.test('every generated file holds what its source makes', async (t) => {
  t.ok(generatedFiles.length > 5)
  for (const { path, object } of generatedFiles) {
    // JSON is YAML, too; what is undefined is written by neither.
    t.strictSame(parse(readFileSync(join(root, path), 'utf8')), JSON.parse(JSON.stringify(object)), path)
  }
})

t.test('no file is left of a source that is gone', async (t) => {
  const pattern = 'dashboards/{grafana,rules,azure,kubernetes}/{*.json,*.rules.yaml,prometheusrule-*.yaml}'
  t.same(globSync(pattern, { cwd: root }).toSorted(), generatedFiles.map(({ path }) => path).toSorted())
})
