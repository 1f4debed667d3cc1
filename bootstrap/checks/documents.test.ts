import { join } from 'node:path'
import { Registry } from 'prom-client'
import t from 'tap'
import { Check, Default } from 'typebox/value'
import { parse } from 'yaml'
import { keys as predictorKeys } from '../../predictor/src/config.ts'
import { openApp } from '../../predictor/src/testing.ts'
import {
  deliveryLabel,
  imageAnnotations,
  leaderLabel,
  operatorAnnotations,
  ownerAnnotation,
  reportingController,
} from '../../reconciler/src/api/annotations.ts'
import { deliveryCrd } from '../../reconciler/src/api/crd.ts'
import * as delivery from '../../reconciler/src/api/delivery.ts'
import { supportedKinds } from '../../reconciler/src/api/kinds.ts'
import { reasons } from '../../reconciler/src/api/reasons.ts'
import { configKeys, ConfigError, readConfig } from '../../reconciler/src/config.ts'
import { readDesired } from '../../reconciler/src/core/desired.ts'
import { createMetrics } from '../../reconciler/src/telemetry/metrics.ts'
import { run } from '../local/run.ts'
import {
  codeBlocks,
  codeSpans,
  firstParagraphOf,
  headingsOf,
  readPages,
  sectionOf,
  strayNames,
  tableRows,
  type Page,
} from './markdown.ts'
import { readExposition, type ExposedMetric } from './exposition.ts'

const root = join(import.meta.dirname, '..', '..')
const pages = readPages(root)
const operations = page('docs/operations.md')
const configuration = page('docs/configuration.md')
const metrics = page('docs/metrics.md')
const deliveryPage = page('docs/delivery.md')
const ci = page('docs/ci.md')

t.test('every key of the environment has a row in docs/configuration.md, and no page names another', async (t) => {
  const rows = (heading: string) => firstSpans(section(configuration, heading))
  t.same(sorted(rows('Reconciler')), sorted(configKeys))
  t.same(sorted(rows('Predictor')), sorted(Object.keys(predictorKeys)))

  const known = new Set([...configKeys, ...Object.keys(predictorKeys)])
  t.same(strayNames(pages, /\b(?:WINDLASS|PREDICTOR|AZURE)_[A-Z0-9]+(?:_[A-Z0-9]+)*\b/g, known), [])
})

t.test("the reconciler's documented defaults are those that it has", async (t) => {
  const rows = tableRows(section(configuration, 'Reconciler'))
  const defaults = rows.map(([key = '', value = '']) => [unquoted(key), value] as const)
  const required = defaults.filter(([, value]) => value === 'must be set').map(([key]) => key)
  const least = Object.fromEntries(required.map((key) => [key, 'contoso.azurecr.io']))
  t.same(problemsOf({}), required.map((key) => `${key} must be set`).toSorted(), 'only these must be set')

  const config = readConfig(least)
  for (const [key, value] of defaults) {
    if (!value.startsWith('`')) t.match(value, /^(must be set|none)$/, `${key} has a default, none, or must be set`)
    else t.same(readConfig({ ...least, [key]: unquoted(value) }), config, `${key} is ${value}`)
  }
})

t.test("the predictor's documented defaults are those that it has", async (t) => {
  for (const [key = '', value = ''] of tableRows(section(configuration, 'Predictor'))) {
    const { default: actual } = predictorKeys[unquoted(key) as keyof typeof predictorKeys]
    t.equal(unquoted(value), String(actual), unquoted(key))
  }
})

t.test('every annotation and label has a row in docs/delivery.md, and no page names another', async (t) => {
  const marks = [...Object.values(operatorAnnotations), deliveryLabel, ownerAnnotation, leaderLabel]
  const names = [...marks, imageAnnotations.sequence]
  const rows = tableRows(section(deliveryPage, 'Annotations and labels')).map(([name = '']) => codeSpans(name))
  t.same(sorted(rows.flat()), sorted(names))

  const known = new Set([...names, delivery.apiVersion, reportingController])
  t.same(strayNames(pages, /(?<![\w.-])windlass\.dev\/[\w-]*\w/g, known), [])
})

t.test(
  'every reason has a heading in docs/operations.md that begins with its sentence, and no other has',
  async (t) => {
    const listed = section(operations, 'Reasons')
    const titles = headingsOf(listed).filter(({ level }) => level === 4)
    t.same(sorted(titles.map(({ title }) => title)), sorted(Object.keys(reasons)))
    for (const [reason, sentence] of Object.entries(reasons)) {
      const [said = ''] = firstParagraphOf(sectionOf(listed, reason) ?? '').split(' — ')
      t.equal(said.replaceAll('`', ''), sentence, reason)
    }
  },
)

t.test('whatever is written like a reason is one, or is known to be something else', async (t) => {
  const operatorPages = pages.filter(({ path }) => /^(README|docs\/[^/]+)\.md$/.test(path))
  const somethingElse = ['AcrPull', 'AcrPush', 'ErrImagePull', 'ImagePullBackOff', 'RoleBinding']
  const known = new Set([...Object.keys(reasons), ...supportedKinds.map(({ kind }) => kind), ...somethingElse])
  const spans = operatorPages.map(({ path, text }) => ({ path, text: codeSpans(text).join('\n') }))
  t.same(strayNames(spans, /^[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+$/gm, known), [])
})

t.test('every metric has a row in docs/metrics.md with its type and labels, and no page names another', async (t) => {
  const ours = await reconcilerMetrics()
  const predictors = await predictorMetrics(t)
  checkMetrics(t, 'Reconciler', ours)
  checkMetrics(t, 'Predictor', predictors)

  const known = new Set([...ours.values(), ...predictors.values()].flatMap(({ series }) => series))
  t.same(strayNames(pages, /\b(?:windlass|http)_[a-z0-9]+(?:_[a-z0-9]+)+\b/g, known), [])
})

t.test('every field of a Delivery has a row in docs/delivery.md with its default, and no other has', async (t) => {
  const fields = leavesOf(delivery.DeliverySpecSchema, 'spec')
  const rows = new Map(
    tableRows(section(deliveryPage, 'spec')).map(([field = '', value = '']) => [unquoted(field), value]),
  )
  t.same(sorted(rows.keys()), sorted(fields.keys()))
  for (const [path, otherwise] of fields) {
    const said = rows.get(path) ?? ''
    if (otherwise === undefined) t.match(said, /^(must be given|this or `\w+`)$/, `${path} has no default`)
    else t.equal(said, `\`${otherwise}\``, path)
  }
})

t.test('every field of status has a row in docs/delivery.md, and no other has', async (t) => {
  const { properties } = delivery.DeliveryStatusSchema
  const status = section(deliveryPage, 'status')
  const [top = ''] = status.split('\n### ', 1)
  const rows = new Map(tableRows(top).map(([field = '', meaning = '']) => [unquoted(field), codeSpans(meaning)]))
  t.same(sorted(rows.keys()), sorted(Object.keys(properties).map((field) => `status.${field}`)))

  const inCells = {
    summary: delivery.SummarySchema,
    highWater: delivery.HighWaterSchema,
    history: delivery.HistoryEntrySchema,
    inventory: delivery.InventoryEntrySchema,
    drifted: delivery.DriftEntrySchema,
  }
  for (const [field, schema] of Object.entries(inCells)) {
    t.same(sorted(rows.get(`status.${field}`) ?? []), sorted(Object.keys(schema.properties)), field)
  }
  t.same(
    sorted(firstSpans(section(deliveryPage, 'A release'))),
    sorted(Object.keys(delivery.RevisionSchema.properties)),
  )
  t.same(
    sorted(firstSpans(section(deliveryPage, 'A rollout'))),
    sorted(Object.keys(delivery.RolloutStatusSchema.properties)),
  )
})

t.test('the worked example is a Delivery that the reconciler takes, and shows every default', async (t) => {
  const [example, ...others] = codeBlocks(section(deliveryPage, 'A worked example'), 'yaml').map((text) => parse(text))
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
  })
  t.match(desired.work, { kind: 'work' })
})

t.test('docs/operations.md explains the columns of kubectl get', async (t) => {
  const { spec } = deliveryCrd() as { spec: { versions: [{ additionalPrinterColumns: { name: string }[] }] } }
  const columns = spec.versions[0].additionalPrinterColumns.map(({ name }) => name.toUpperCase())
  t.same(
    tableRows(section(operations, 'Look')).map(([column]) => column),
    columns,
  )
})

t.test('docs/ci.md lists the kinds that a bundle may hold', async (t) => {
  const rows = tableRows(section(ci, 'What a bundle may hold'))
  const listed = rows.flatMap(([apiVersion = '', kinds = '']) =>
    codeSpans(kinds).map((kind) => `${unquoted(apiVersion)} ${kind}`),
  )
  t.same(sorted(listed), sorted(supportedKinds.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)))
})

t.test('docs/ci.md lists the options of windlass attach', async (t) => {
  const command = join(root, 'reconciler', 'src', 'cli', 'windlass.ts')
  const { stdout } = await run(process.execPath, [command, 'attach', '--help'])
  const options = [...stdout.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, option = '']) => option)
  t.same(sorted(firstSpans(section(ci, 'Attach and tag'))), sorted(options.filter((option) => option !== '--help')))
})

function page(path: string): Page {
  const found = pages.find((candidate) => candidate.path === path)
  if (found === undefined) throw new Error(`${path} is not there`)
  return found
}

function section({ path, text }: Page, heading: string): string {
  const found = sectionOf(text, heading)
  if (found === undefined) throw new Error(`${path} has no heading "${heading}"`)
  return found
}

/** What the first cell of each row names. */
function firstSpans(markdown: string): readonly string[] {
  return tableRows(markdown).map(([cell = '']) => unquoted(cell))
}

function unquoted(cell: string): string {
  return cell.replaceAll('`', '')
}

function sorted(names: Iterable<string>): readonly string[] {
  return [...names].sort()
}

function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.toSorted()
    throw error
  }
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

/** After everything has happened once, so that each metric has a series with all of its labels. */
async function reconcilerMetrics(): Promise<ReadonlyMap<string, ExposedMetric>> {
  const told = createMetrics()
  const of = { namespace: 'shop', name: 'storefront' }
  told.describe(of, { repository: 'contoso.azurecr.io/shop', isReady: true, isStalled: false, isPaused: false })
  told.pollSucceeded(of, 0)
  told.registryRequested('contoso.azurecr.io', '2xx')
  told.pushToReady(of, 1)
  return withoutDefaults((await told.expose()).body)
}

async function predictorMetrics(t: Parameters<typeof openApp>[0]): Promise<ReadonlyMap<string, ExposedMetric>> {
  const registry = new Registry()
  const app = await openApp(t, { registry })
  await app.inject('/health')
  return withoutDefaults(await registry.metrics())
}

function withoutDefaults(body: string): ReadonlyMap<string, ExposedMetric> {
  return new Map([...readExposition(body)].filter(([name]) => !/^(process|nodejs)_/.test(name)))
}

function checkMetrics(t: Tap, heading: string, exposed: ReadonlyMap<string, ExposedMetric>): void {
  const rows = tableRows(section(metrics, heading))
  t.same(sorted(rows.map(([name = '']) => unquoted(name))), sorted(exposed.keys()), heading)
  for (const [name = '', type = '', labels = ''] of rows) {
    const metric = exposed.get(unquoted(name))
    t.equal(type, metric?.type, `type of ${name}`)
    t.same(sorted(codeSpans(labels)), sorted(metric?.labels ?? []), `labels of ${name}`)
  }
}

type Tap = Pick<typeof t, 'same' | 'equal'>
