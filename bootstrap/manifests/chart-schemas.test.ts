import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { checkout } from '../local/checkout.ts'

interface Schema {
  readonly $ref?: string
  readonly additionalProperties?: unknown
  readonly properties?: Readonly<Record<string, Schema | boolean>>
  readonly required?: readonly string[]
  readonly definitions?: Readonly<Record<string, Schema>>
}

t.test('a value that is left blank is refused, for Helm takes it as one that there is not', async (t) => {
  for (const chart of ['predictor', 'windlass']) {
    const folder = join(checkout, 'manifests', 'chart', chart)
    const schema = JSON.parse(await readFile(join(folder, 'values.schema.json'), 'utf8')) as Schema
    const values: unknown = parse(await readFile(join(folder, 'values.yaml'), 'utf8'))
    const found = keysOf(values, schema, schema.definitions ?? {})

    t.same(
      found.filter(({ isRequired }) => !isRequired).map(({ path }) => path),
      // No limits are a choice.
      ['resources.limits'],
      chart,
    )
    t.ok(found.length > 25, `${chart}: ${found.length} values`)
  }
})

/** Every key that the schema knows by name, and whether it must be there. */
function keysOf(
  values: unknown,
  schema: Schema,
  definitions: Readonly<Record<string, Schema>>,
): readonly { readonly path: string; readonly isRequired: boolean }[] {
  const { additionalProperties, properties = {}, required = [] } = resolve(schema, definitions)
  if (typeof values !== 'object' || values === null || additionalProperties !== false) return []
  return Object.entries(values).flatMap(([key, value]) => {
    const inner = properties[key]
    const below = typeof inner === 'object' ? keysOf(value, inner, definitions) : []
    return [
      { path: key, isRequired: required.includes(key) },
      ...below.map(({ path, isRequired }) => ({ path: `${key}.${path}`, isRequired })),
    ]
  })
}

function resolve(schema: Schema, definitions: Readonly<Record<string, Schema>>): Schema {
  return definitions[schema.$ref?.replace('#/definitions/', '') ?? ''] ?? schema
}
