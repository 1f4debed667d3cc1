import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Check, Default } from 'typebox/value'
import { parse } from 'yaml'
import { deliveryCrd } from '../../reconciler/src/api/crd.ts'
import * as delivery from '../../reconciler/src/api/delivery.ts'
import { supportedKinds } from '../../reconciler/src/api/kinds.ts'
import { readDesired } from '../../reconciler/src/core/desired.ts'
import { compileTagPattern } from '../../reconciler/src/core/tag-pattern.ts'
import { codeBlocks, codeSpans, firstCells, pageAt, readPages, sectionOn, tableRows, unquoted } from './markdown.ts'

const root = join(import.meta.dirname, '..', '..')
const pages = readPages(root)
const deliveryPage = pageAt(pages, 'docs/delivery.md')
const operations = pageAt(pages, 'docs/operations.md')

t.test('every field of a Delivery has a row in docs/delivery.md with its default, and no other has', async (t) => {
  const fields = leavesOf(delivery.DeliverySpecSchema, 'spec')
  const rows = new Map(
    tableRows(sectionOn(deliveryPage, 'spec')).map(([field = '', value = '']) => [unquoted(field), value]),
  )
  t.same(inOrder(rows.keys()), inOrder(fields.keys()))
  for (const [path, otherwise] of fields) {
    const said = rows.get(path) ?? ''
    if (otherwise === undefined) t.match(said, /^(must be given|this or `\w+`)$/, `${path} has no default`)
    else t.equal(said, `\`${otherwise}\``, path)
  }
})

t.test('every field of status has a row in docs/delivery.md, and no other has', async (t) => {
  const { properties } = delivery.DeliveryStatusSchema
  const status = sectionOn(deliveryPage, 'status')
  const [top = ''] = status.split('\n### ', 1)
  const rows = new Map(tableRows(top).map(([field = '', meaning = '']) => [unquoted(field), codeSpans(meaning)]))
  t.same(inOrder(rows.keys()), inOrder(Object.keys(properties).map((field) => `status.${field}`)))

  const inCells = {
    summary: delivery.SummarySchema,
    highWater: delivery.HighWaterSchema,
    history: delivery.HistoryEntrySchema,
    quarantine: delivery.QuarantineEntrySchema,
    inventory: delivery.InventoryEntrySchema,
    drifted: delivery.DriftEntrySchema,
  }
  for (const [field, schema] of Object.entries(inCells)) {
    t.same(inOrder(rows.get(`status.${field}`) ?? []), inOrder(Object.keys(schema.properties)), field)
  }
  t.same(
    inOrder(firstCells(sectionOn(deliveryPage, 'A release'))),
    inOrder(Object.keys(delivery.RevisionSchema.properties)),
  )
  t.same(
    inOrder(firstCells(sectionOn(deliveryPage, 'A rollout'))),
    inOrder(Object.keys(delivery.RolloutStatusSchema.properties)),
  )
  t.same(
    inOrder(firstCells(sectionOn(deliveryPage, 'A release that failed'))),
    inOrder(Object.keys(delivery.FailedReleaseSchema.properties)),
  )
})

t.test('the worked example is a Delivery that the reconciler takes, and shows every default', async (t) => {
  const [example, ...others] = codeBlocks(sectionOn(deliveryPage, 'A worked example'), 'yaml').map((text) =>
    parse(text),
  )
  t.same(others, [])
  t.match(example, { apiVersion: delivery.apiVersion, kind: delivery.kind })
  t.ok(Check(delivery.DeliverySpecSchema, example.spec), 'it is of the schema')
  const { image, manifests, serviceAccountName } = example.spec
  const least = { image: { repository: image.repository }, manifests, serviceAccountName }
  t.same(Default(delivery.DeliverySpecSchema, least), example.spec, 'the rest are defaults')

  const desired = readDesired(example, {
    pause: { kind: 'running' },
    ownNamespace: 'windlass-system',
    scheduleProblem: () => undefined,
    tagPattern: compileTagPattern,
  })
  t.match(desired.work, { kind: 'work' })
})

t.test(
  "the account's Role in docs/delivery.md has every right that the predictor's has beside the kinds it holds",
  async (t) => {
    const role = parse(
      readFileSync(join(root, 'manifests/predictor/operator/role-predictor-deployer.yaml'), 'utf8'),
    ) as {
      readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[]
    }
    const held = new Set<string>(supportedKinds.map(({ plural }) => plural))
    const beside = role.rules.flatMap(({ resources, verbs }) =>
      resources.filter((resource) => !held.has(resource)).map((resource) => `${resource}: ${verbs.join(', ')}`),
    )
    const rows = tableRows(sectionOn(deliveryPage, 'What stands beside it'))
    const [, cell = ''] = rows.find(([object]) => object === 'Role and RoleBinding for that account') ?? []
    const told = new Set(cell.split('; ').flatMap(rightsIn))
    t.ok(beside.length > 3)
    t.same(
      beside.filter((right) => !told.has(right)),
      [],
    )
  },
)

t.test('docs/operations.md explains the columns of kubectl get', async (t) => {
  const { spec } = deliveryCrd() as { spec: { versions: [{ additionalPrinterColumns: { name: string }[] }] } }
  const columns = spec.versions[0].additionalPrinterColumns.map(({ name }) => name.toUpperCase())
  t.same(
    tableRows(sectionOn(operations, 'Look')).map(([column]) => column),
    columns,
  )
})

/** `pods`, `events`: get, list */
function rightsIn(part: string): readonly string[] {
  const [, verbs = ''] = part.split(': ')
  return codeSpans(part).map((resource) => `${resource}: ${verbs}`)
}

/** Each leaf of a schema by its path, with its default. */
function leavesOf(schema: unknown, path: string): ReadonlyMap<string, string | boolean | undefined> {
  const { properties = {}, default: otherwise } = schema as {
    readonly properties?: Readonly<Record<string, unknown>>
    readonly default?: string | boolean
  }
  const names = Object.keys(properties)
  if (names.length === 0) return new Map([[path, otherwise]])
  return new Map(names.flatMap((name) => [...leavesOf(properties[name], `${path}.${name}`)]))
}

function inOrder(names: Iterable<string>): readonly string[] {
  return [...names].sort()
}
