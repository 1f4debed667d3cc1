// One source of truth: whatever is changed in a raw manifest and not in its chart, or the other way, fails here.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { checkout } from '../local/checkout.ts'
import type { Manifest } from '../local/install.ts'
import { type Chart, chartFolder, openHelm } from './helm.ts'
import { nameOf, rawManifests } from './raw-manifests.ts'

t.setTimeout(580_000)

const helm = await openHelm(t)

/** Says to Helm what the raw manifests have no need to say to anybody. */
const keepAnnotation = 'helm.sh/resource-policy'

t.test('the chart of the reconciler renders the raw manifests object for object', async (t) => {
  const rendered = await helm.template('windlass')

  t.strictSame(byName(rendered.map(withoutKeep)), byName(await rawManifests('crd', 'reconciler')))
  t.same(kept(rendered), ['CustomResourceDefinition/deliveries.windlass.dev', 'Namespace/windlass-system'])
})

t.test('the chart of the predictor renders the tenant that Windlass delivers to, object for object', async (t) => {
  const rendered = await helm.template('predictor')

  t.strictSame(byName(rendered.map(withoutKeep)), byName(await rawManifests('predictor/operator')))
  t.same(kept(rendered), ['Namespace/predictor'])
})

t.test('delivered by Helm it renders the manifests of a release, object for object', async (t) => {
  const image = { tag: 'set-by-windlass' }
  const rendered = await helm.template('predictor', { deliveredBy: 'helm', image })
  const namespace = (await rawManifests('predictor/operator')).filter(({ kind }) => kind === 'Namespace')

  t.strictSame(byName(rendered.map(withoutKeep)), byName([...namespace, ...(await rawManifests('predictor/release'))]))
  t.same(kept(rendered), ['Namespace/predictor'])
})

t.test('both charts have the same page of what depends on how it is monitored', async (t) => {
  const read = (chart: Chart) => readFile(`${chartFolder(chart)}/templates/_monitoring.tpl`, 'utf8')

  t.equal((await read('predictor')).replaceAll('predictor.', 'windlass.'), await read('windlass'))
})

t.test('both charts have the version of the repository', async (t) => {
  const { version } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as { readonly version: string }
  for (const chart of ['predictor', 'windlass'] as const) {
    const about = parse(await readFile(join(chartFolder(chart), 'Chart.yaml'), 'utf8')) as object
    t.match(about, { name: chart, version, appVersion: version })
  }
})

function byName(objects: readonly Manifest[]): Readonly<Record<string, Manifest>> {
  const entries = objects.map((object) => [nameOf(object), object] as const)
  const named = Object.fromEntries(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)))
  if (Object.keys(named).length !== objects.length) throw new Error('two objects have one name')
  return named
}

function kept(objects: readonly Manifest[]): readonly string[] {
  return objects
    .filter(({ metadata }) => metadata?.annotations?.[keepAnnotation] === 'keep')
    .map(nameOf)
    .sort()
}

function withoutKeep(object: Manifest): Manifest {
  const { [keepAnnotation]: _, ...annotations } = object.metadata?.annotations ?? {}
  const { annotations: _all, ...metadata } = object.metadata ?? {}
  const isEmpty = Object.keys(annotations).length === 0
  return { ...object, metadata: isEmpty ? metadata : { ...metadata, annotations } }
}
