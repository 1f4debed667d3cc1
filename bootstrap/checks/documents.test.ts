import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Registry } from 'prom-client'
import t from 'tap'
import { alertRules } from '../../dashboards/src/rules/rule-groups.ts'
import { keys as predictorKeys } from '../../predictor/src/config.ts'
import { openApp } from '../../predictor/src/testing.ts'
import {
  deletionFinalizer,
  deliveryLabel,
  imageAnnotations,
  leaderLabel,
  operatorAnnotations,
  ownerAnnotation,
  reportingController,
} from '../../reconciler/src/api/annotations.ts'
import { apiVersion } from '../../reconciler/src/api/delivery.ts'
import { supportedKinds } from '../../reconciler/src/api/kinds.ts'
import { reasons } from '../../reconciler/src/api/reasons.ts'
import { configKeys, ConfigError, readConfig } from '../../reconciler/src/config.ts'
import { measureDelivery } from '../../reconciler/src/core/delivery-measures.ts'
import { spec as deliverySpec } from '../../reconciler/src/core/test-builders.ts'
import { refusalError } from '../../reconciler/src/kube/refusal.ts'
import { statusError } from '../../reconciler/src/registry/translate-error.ts'
import { createMetrics } from '../../reconciler/src/telemetry/metrics.ts'
import { debianPackages } from '../local/debian.ts'
import { podTargets } from '../local/prometheus/targets.ts'
import { run } from '../local/run.ts'
import {
  codeSpans,
  firstCells,
  firstParagraphOf,
  headingsOf,
  pageAt,
  readPages,
  sectionOf,
  sectionOn,
  strayNames,
  tableRows,
  unquoted,
} from './markdown.ts'
import { readExposition, type ExposedMetric } from './exposition.ts'

// Programs are started that read half of the sources.
t.setTimeout(180_000)

const root = join(import.meta.dirname, '..', '..')
const pages = readPages(root)
const operations = pageAt(pages, 'docs/operations.md')
const configuration = pageAt(pages, 'docs/configuration.md')
const metrics = pageAt(pages, 'docs/metrics.md')
const deliveryPage = pageAt(pages, 'docs/delivery.md')
const ci = pageAt(pages, 'docs/ci.md')

t.test('every key of the environment has a row in docs/configuration.md, and no page names another', async (t) => {
  const rows = (heading: string) => firstCells(sectionOn(configuration, heading))
  t.same(inOrder(rows('Reconciler')), inOrder(configKeys))
  t.same(inOrder(rows('Predictor')), inOrder(Object.keys(predictorKeys)))

  const known = new Set([...configKeys, ...Object.keys(predictorKeys)])
  t.same(strayNames(pages, /\b(?:WINDLASS|PREDICTOR|AZURE)_[A-Z0-9]+(?:_[A-Z0-9]+)*\b/g, known), [])
})

t.test("the reconciler's documented defaults are those that it has", async (t) => {
  const rows = tableRows(sectionOn(configuration, 'Reconciler'))
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
  for (const [key = '', value = ''] of tableRows(sectionOn(configuration, 'Predictor'))) {
    const { default: actual } = predictorKeys[unquoted(key) as keyof typeof predictorKeys]
    t.equal(unquoted(value), String(actual), unquoted(key))
  }
})

t.test('every annotation and label has a row in docs/delivery.md, and no page names another', async (t) => {
  const marks = [...Object.values(operatorAnnotations), deliveryLabel, ownerAnnotation, leaderLabel, deletionFinalizer]
  const names = [...marks, imageAnnotations.sequence]
  const rows = tableRows(sectionOn(deliveryPage, 'Annotations and labels')).map(([name = '']) => codeSpans(name))
  t.same(inOrder(rows.flat()), inOrder(names))

  const known = new Set([...names, apiVersion, reportingController])
  t.same(strayNames(pages, /(?<![\w.-])windlass\.dev\/[\w-]*\w/g, known), [])
})

t.test(
  'every reason has a heading in docs/operations.md that begins with its sentence, and no other has',
  async (t) => {
    const listed = sectionOn(operations, 'Reasons')
    const titles = headingsOf(listed).filter(({ level }) => level === 4)
    t.same(inOrder(titles.map(({ title }) => title)), inOrder(Object.keys(reasons)))
    for (const [reason, sentence] of Object.entries(reasons)) {
      const [said = ''] = firstParagraphOf(sectionOf(listed, reason) ?? '').split(' — ')
      t.equal(said.replaceAll('`', ''), sentence, reason)
    }
  },
)

t.test('what docs/operations.md says that follows a reason is what follows the errors that carry it', async (t) => {
  const refused = { reason: '', message: 'said why', causes: [] }
  const own = { what: 'ask', isWrite: true }
  const asTenant = { ...own, tenant: { namespace: 'shop', serviceAccountName: 'deployer' } }
  const errors = [
    ...[400, 401, 403, 409, 429, 500].map((code) => refusalError({ ...refused, code }, own)),
    ...[403, 404, 422].map((code) => refusalError({ ...refused, code }, asTenant)),
    refusalError({ ...refused, code: 500, message: 'failed calling webhook "a.test"' }, asTenant),
    ...[401, 403, 404, 418, 429, 500].map((status) => statusError({ host: 'a.test', action: 'ask' }, status, {})),
  ]
  const words = { retryable: 'retries', waiting: 'waits', terminal: 'stalled', aborted: 'log' }
  const listed = sectionOn(operations, 'Reasons')
  for (const { reason, kind } of errors) {
    const [, follows = ''] = firstParagraphOf(sectionOf(listed, reason) ?? '').split(' — ')
    t.match(follows, words[kind], `${reason} is ${kind}`)
  }
})

t.test('whatever is written like a reason is one, or is known to be something else', async (t) => {
  const operatorPages = pages.filter(({ path }) => /^(README|docs\/[^/]+)\.md$/.test(path))
  const somethingElse = [
    'AcrDelete',
    'AcrPull',
    'AcrPush',
    'ErrImagePull',
    'GoBack',
    'ImagePullBackOff',
    'RoleBinding',
    'RollBack',
  ]
  const alerts = alertRules.map(({ alert }) => alert)
  const known = new Set([
    ...Object.keys(reasons),
    ...supportedKinds.map(({ kind }) => kind),
    ...alerts,
    ...somethingElse,
  ])
  const spans = operatorPages.map(({ path, text }) => ({ path, text: codeSpans(text).join('\n') }))
  t.same(strayNames(spans, /^[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+$/gm, known), [])
})

t.test('every metric has a row in docs/metrics.md with its type and labels, and no page names another', async (t) => {
  const ours = await reconcilerMetrics()
  const predictors = await predictorMetrics(t)
  checkMetrics(t, 'Reconciler', ours)
  checkMetrics(t, 'Predictor', predictors)

  const known = new Set([...ours.values(), ...predictors.values()].flatMap(({ series }) => series))
  t.same(strayNames(pages, /\b(?:windlass|http|predictor)_[a-z0-9]+(?:_[a-z0-9]+)+\b/g, known), [])
})

t.test('no label is one that Prometheus puts on the series of a pod, and would rename', async (t) => {
  const pod = {
    metadata: {
      name: 'a',
      namespace: 'shop',
      labels: { 'app.kubernetes.io/name': 'app' },
      annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '1' },
    },
    spec: { nodeName: 'node', containers: [] },
    status: { phase: 'Running', podIP: '10.0.0.1' },
  }
  // What a ServiceMonitor's targets have beside ours.
  const usual = ['instance', 'container', 'endpoint', 'service']
  const ofTarget = new Set([...usual, ...podTargets([pod]).flatMap(({ labels }) => Object.keys(labels))])
  t.ok(ofTarget.has('namespace'))
  for (const [name, { labels }] of [...(await reconcilerMetrics()), ...(await predictorMetrics(t))]) {
    t.same(
      [...labels].filter((label) => ofTarget.has(label)),
      [],
      name,
    )
  }
})

t.test('docs/ci.md lists the kinds that a bundle may hold', async (t) => {
  const rows = tableRows(sectionOn(ci, 'What a bundle may hold'))
  const listed = rows.flatMap(([apiVersion = '', kinds = '']) =>
    codeSpans(kinds).map((kind) => `${unquoted(apiVersion)} ${kind}`),
  )
  t.same(inOrder(listed), inOrder(supportedKinds.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)))
})

t.test('CONTRIBUTING.md lists the Debian packages that stay on the machine', async (t) => {
  const rows = tableRows(sectionOn(pageAt(pages, 'CONTRIBUTING.md'), 'What stays on the machine'))
  const [what = ''] = rows.find(([cell = '']) => cell.startsWith('Debian packages')) ?? []
  t.same(inOrder(codeSpans(what)), inOrder(Object.values(debianPackages).flat()))
})

t.test('docs/adr/README.md lists every decision by its title', async (t) => {
  const decisions = pages.filter(({ path }) => /^docs\/adr\/\d{4}-/.test(path))
  const wanted = decisions.map(({ path, text }) => `- [${text.split('\n', 1)[0]?.slice(2)}](${basename(path)})`)
  const listed = pageAt(pages, 'docs/adr/README.md').text.split('\n')
  t.same(
    listed.filter((line) => line.startsWith('- ')),
    wanted,
  )
})

const commandSections = {
  push: 'Push by digest',
  attach: 'Attach and tag',
  tag: 'Set the tag',
  lock: 'Lock the tag',
  retain: 'Retention',
} as const

for (const [name, section] of Object.entries(commandSections)) {
  t.test(`docs/ci.md lists the options of windlass ${name}`, async (t) => {
    const command = join(root, 'reconciler', 'src', 'cli', 'windlass.ts')
    const { stdout } = await run(process.execPath, [command, name, '--help'])
    const options = [...stdout.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, option = '']) => option)
    t.same(inOrder(firstCells(sectionOn(ci, section))), inOrder(options.filter((option) => option !== '--help')))
  })
}

t.test(
  'every error text that the documents explain is one that the sources say, or is known to be foreign',
  async (t) => {
    const sources = globSync('reconciler/src/**/*.ts', { cwd: root, exclude: ['**/*.test.ts', '**/*.api.ts'] })
    const said = sources.map((path) => readFileSync(join(root, path), 'utf8')).join('\n')
    const foreign = new Set([
      `the server doesn't have a resource type "deliveries"`,
      'AADSTS700213',
      'AADSTS70021',
      'AADSTS700016',
      'cannot impersonate resource "serviceaccounts"',
      'cannot patch resource',
      'cannot get resource',
      'field is immutable',
      'field not declared in schema',
      'ErrImagePull',
      'ImagePullBackOff',
      'violates PodSecurity',
    ])
    const rows = [...tableRows(sectionOn(operations, 'Error texts')), ...tableRows(sectionOn(ci, 'When it fails'))]
    const texts = rows.flatMap(([cell = '']) => codeSpans(cell)).filter((text) => !foreign.has(text))
    t.ok(texts.length > 10, `${texts.length} texts are ours`)
    for (const text of texts) {
      // What differs from time to time is left out in the documents, or stands in capitals.
      const parts = text.split(/…|: |\b(?:FILE|line N)\b|(?<=\()|(?=\))/).map((part) => part.trim())
      const ownWords = parts.filter((part) => part.length > 3)
      t.same(
        ownWords.filter((part) => !said.includes(part)),
        [],
        text,
      )
    }
  },
)

function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.toSorted()
    throw error
  }
}

/** After everything has happened once, so that each metric has a series with all of its labels. */
async function reconcilerMetrics(): Promise<ReadonlyMap<string, ExposedMetric>> {
  const told = createMetrics({ registries: ['contoso.azurecr.io'] })
  const of = { namespace: 'shop', name: 'storefront' }
  told.describe(of, { ...measureDelivery({ metadata: {}, spec: deliverySpec() }), pause: 'it is paused' })
  told.pollSucceeded(of, 0)
  told.nextPollAt(of, 0)
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
  const rows = tableRows(sectionOn(metrics, heading))
  t.same(inOrder(rows.map(([name = '']) => unquoted(name))), inOrder(exposed.keys()), heading)
  for (const [name = '', type = '', labels = ''] of rows) {
    const metric = exposed.get(unquoted(name))
    t.equal(type, metric?.type, `type of ${name}`)
    t.same(inOrder(codeSpans(labels)), inOrder(metric?.labels ?? []), `labels of ${name}`)
  }
}

type Tap = Pick<typeof t, 'same' | 'equal'>

function inOrder(names: Iterable<string>): readonly string[] {
  return [...names].sort()
}
