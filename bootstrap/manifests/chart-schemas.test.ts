import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { V1Deployment } from '@kubernetes/client-node'
import t from 'tap'
import { parse } from 'yaml'
import { checkout } from '../local/checkout.ts'
import { rawManifests } from './raw-manifests.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly pattern?: string
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

t.test('what is text stays text, whatever it looks like: templates quote it', async (t) => {
  // Of these no text can be taken for anything else.
  const plain = new Set(['.Values.image.repository', '.Values.delivery.timeout', '.Values.monitoring.interval'])
  for (const chart of ['predictor', 'windlass']) {
    const folder = join(checkout, 'manifests', 'chart', chart)
    const schema = JSON.parse(await readFile(join(folder, 'values.schema.json'), 'utf8')) as Schema
    const files = await readdir(join(folder, 'templates'), { recursive: true })
    const bare: string[] = []
    for (const file of files.filter((name) => /\.(yaml|tpl)$/.test(name))) {
      const text = await readFile(join(folder, 'templates', file), 'utf8')
      for (const [, path = ''] of text.matchAll(/: \[?\{\{ (?:\$|\.root)?(\.(?:Release|Values)\.[A-Za-z.]+) \}\}/g)) {
        if (!plain.has(path) && isText(path, schema)) bare.push(`${file}: ${path}`)
      }
    }
    t.same(bare, [], chart)
  }
})

t.test('whatever times are set, a pod of the predictor ends in the time that it has', async (t) => {
  const text = await readFile(join(checkout, 'manifests/chart/predictor/values.schema.json'), 'utf8')
  const { config } = (JSON.parse(text) as { readonly properties: { readonly config: Schema } }).properties
  const most = (key: string): number => {
    const schema = config.properties?.[key]
    const pattern = new RegExp((typeof schema === 'object' && schema.pattern) || '$^')
    const accepted = Array.from({ length: 600_001 }, (_, ms) => ms).filter((ms) => pattern.test(String(ms)))
    t.ok(accepted.length > 0, key)
    return accepted.at(-1) ?? Number.NaN
  }
  const deployment = (await rawManifests('predictor/release')).find(({ kind }) => kind === 'Deployment')
  const { containers = [], terminationGracePeriodSeconds: graceS = 0 } =
    (deployment as unknown as V1Deployment).spec?.template.spec ?? {}
  const preStopS = containers[0]?.lifecycle?.preStop?.sleep?.seconds ?? Number.NaN

  const endingMs = preStopS * 1_000 + most('PREDICTOR_DRAIN_MS') + most('PREDICTOR_CLOSE_TIMEOUT_MS')
  t.ok(endingMs < graceS * 1_000, `${endingMs} ms of ${graceS} s`)
})

function isText(path: string, schema: Schema): boolean {
  const [, root, ...keys] = path.split('.')
  if (root !== 'Values') return true
  let found: Schema | boolean | undefined = schema
  for (const key of keys) {
    if (typeof found === 'object') found = resolve(found, schema.definitions ?? {}).properties?.[key]
  }
  return typeof found === 'object' && resolve(found, schema.definitions ?? {}).type === 'string'
}

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
