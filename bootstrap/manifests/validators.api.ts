// Every manifest, raw or rendered, before three judges: the real API server, kubeconform and kube-score.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startApiServer } from '../local/api-server.ts'
import type { Manifest } from '../local/install.ts'
import { run } from '../local/run.ts'
import { ensureTools } from '../local/tools.ts'
import { namespaces, openHelm } from './helm.ts'
import { schemaLocation, writeSchemas } from './kubeconform-schemas.ts'
import { foreignDefinitions } from './module-files.ts'
import { nameOf, rawManifests, watchManifests } from './raw-manifests.ts'
import { renderings } from './renderings.ts'
import { ciliumExceptions, type Exception, exceptions, judgeScore, type ScoredObject } from './score.ts'

t.setTimeout(580_000)

const folder = await mkdtemp(join(tmpdir(), 'windlass-validators-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const onStep = (step: string): void => t.comment(step)
const helm = await openHelm(t)
const tools = await ensureTools(['kubeconform', 'kube-score'], { onStep })
// Of its own: others' definitions are in it, which the tests that share one must not see.
const server = await startApiServer({ dir: join(folder, 'server'), onStep })
t.teardown(() => server.stop())

const schemas = join(folder, 'schemas')
const sets = await everything()

t.test('the definitions of kinds are taken by the API server, ours without a warning', async (t) => {
  const ours = await rawManifests('crd')
  t.equal((await apply(ours, 'none')).length, ours.length)
  const others = await foreignDefinitions(onStep)
  const list = { apiVersion: 'v1', kind: 'List', items: others }
  t.equal(linesOf(await kubectl(['apply', '--server-side', '--filename', '-'], list)).length, others.length)
  t.ok(others.some(({ metadata }) => metadata?.name === 'podmonitors.azmonitoring.coreos.com'))
  for (const { metadata } of [...ours, ...others]) {
    await kubectl(['wait', '--for=condition=Established', '--timeout=60s', `crd/${metadata?.name}`])
  }
})

t.test('the API server takes every object strictly, without a warning, in restricted namespaces', async (t) => {
  const spaces = (await rawManifests('predictor/operator', 'reconciler')).filter(({ kind }) => kind === 'Namespace')
  t.same(new Set(spaces.map(({ metadata }) => metadata?.name)), new Set(Object.values(namespaces)))
  const monitoring = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'monitoring' } }
  await apply([...spaces, monitoring], 'none')
  for (const { name, objects } of sets) t.equal((await apply(objects, 'server')).length, objects.length, name)
})

t.test('what the restricted level does not let run is refused with all its names', async (t) => {
  const deployment = (await rawManifests('reconciler')).find(({ kind }) => kind === 'Deployment')
  const loose = JSON.parse(JSON.stringify(deployment).replaceAll('"allowPrivilegeEscalation":false,', '')) as Manifest
  await t.rejects(apply([loose], 'server'), { message: /would violate PodSecurity "restricted:/ })
})

t.test(
  'kubeconform has schemas of all kinds, from the API server itself, and every object keeps to them',
  async (t) => {
    const index = JSON.parse(await kubectl(['get', '--raw', '/openapi/v3'])) as {
      readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>
    }
    const documents = await Promise.all(
      Object.entries(index.paths)
        .filter(([path]) => /^api(s\/[^/]+)?\/v[^/]+$/.test(path))
        .map(
          async ([, { serverRelativeURL }]) => JSON.parse(await kubectl(['get', '--raw', serverRelativeURL])) as object,
        ),
    )
    t.comment(`${await writeSchemas(schemas, documents)} schemas`)
    for (const { name, objects } of sets) {
      const { valid, problems } = await conform(objects)
      t.same(problems, [], name)
      t.equal(valid, objects.length, name)
    }
  },
)

t.test('kubeconform refuses a wrong type and an unknown field, of Kubernetes and of definitions', async (t) => {
  const all = sets.flatMap(({ objects }) => objects)
  for (const kind of [
    'NetworkPolicy',
    'Delivery',
    'PodMonitor',
    'PrometheusRule',
    'HTTPRoute',
    'CiliumNetworkPolicy',
    'Service',
  ]) {
    const found = all.find((object) => object.kind === kind)
    t.ok(found, kind)
    if (found === undefined) continue
    const spec = found['spec'] as object
    const unknown = await conform([{ ...found, spec: { ...spec, unheardOf: 1 } }])
    t.match(unknown.problems[0], /unheardOf/, `${kind} with an unknown field`)
    const wrong = await conform([{ ...found, spec: 'none' }])
    t.match(wrong.problems[0], /got string, want object/, `${kind} with a wrong type`)
  }
  t.match((await conform([{ apiVersion: 'v1', kind: 'Sevice' }])).problems[0], /could not find schema/)
})

t.test('kube-score has nothing against them but what is written down', async (t) => {
  const met = new Set<Exception>()
  for (const { name, objects } of sets) {
    const judged = judgeScore(await score(objects), objects)
    t.same(judged.problems, [], name)
    for (const exception of judged.met) met.add(exception)
  }
  for (const exception of [...exceptions, ...ciliumExceptions]) {
    t.ok(met.has(exception), `${exception.check} of ${exception.object} is still excepted for a cause`)
  }
})

t.test('kube-score remarks what is not excepted', async (t) => {
  const objects = await rawManifests('predictor/operator', 'predictor/release')
  const loose = JSON.parse(
    JSON.stringify(objects).replaceAll('"readOnlyRootFilesystem":true', '"readOnlyRootFilesystem":false'),
  ) as readonly Manifest[]
  const judged = judgeScore(await score(loose), loose)
  t.match(judged.problems, [/^container-security-context-readonlyrootfilesystem Deployment\/predictor/])
  t.equal(judged.problems.length, 1)
})

interface ManifestSet {
  readonly name: string
  readonly objects: readonly Manifest[]
}

async function everything(): Promise<readonly ManifestSet[]> {
  const raw: readonly ManifestSet[] = [
    { name: 'raw: definition', objects: await rawManifests('crd') },
    { name: 'raw: reconciler', objects: await rawManifests('reconciler') },
    { name: 'raw: predictor', objects: await rawManifests('predictor/operator', 'predictor/release') },
    { name: 'raw: monitors and rules', objects: await watchManifests('kubernetes') },
    { name: 'raw: monitors of Azure', objects: await watchManifests('azure') },
  ]
  const rendered: ManifestSet[] = []
  for (const { name, chart, values } of renderings) {
    rendered.push({ name: `chart: ${name}`, objects: await helm.template(chart, values) })
  }
  return [...raw, ...rendered]
}

async function kubectl(args: readonly string[], input?: object): Promise<string> {
  const options = input === undefined ? {} : { input: JSON.stringify(input) }
  return (await run(server.kubectl, ['--kubeconfig', server.kubeconfig, ...args], options)).stdout
}

/** The lines in which kubectl says what became of each object. */
async function apply(objects: readonly Manifest[], dryRun: 'none' | 'server'): Promise<readonly string[]> {
  const strictly = ['apply', '--server-side', '--force-conflicts', '--validate=strict', '--warnings-as-errors']
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  return linesOf(await kubectl([...strictly, `--dry-run=${dryRun}`, '--filename', '-'], list))
}

function linesOf(output: string): readonly string[] {
  return output.split('\n').filter((line) => line !== '')
}

async function conform(
  objects: readonly Manifest[],
): Promise<{ readonly valid: number; readonly problems: readonly string[] }> {
  const { stdout } = await run(
    tools.kubeconform,
    ['-strict', '-summary', '-output', 'json', '-schema-location', schemaLocation(schemas), '-'],
    { input: objects.map((object) => JSON.stringify(object)).join('\n---\n'), accept: [1] },
  )
  const { resources = [], summary } = JSON.parse(stdout) as KubeconformAnswer
  return { valid: summary.valid, problems: resources.map(({ kind, name, msg }) => `${kind}/${name}: ${msg}`) }
}

interface KubeconformAnswer {
  readonly resources?: ReadonlyArray<{ readonly kind: string; readonly name: string; readonly msg: string }>
  readonly summary: { readonly valid: number }
}

async function score(objects: readonly Manifest[]): Promise<readonly ScoredObject[]> {
  const place = await mkdtemp(join(folder, 'scored-'))
  const files = objects.map((object) => [join(place, `${nameOf(object).replace('/', '-')}.json`), object] as const)
  for (const [file, object] of files) await writeFile(file, JSON.stringify(object))
  // 1 where something is critical: that is judged here.
  const { stdout } = await run(
    tools['kube-score'],
    ['score', '--output-format', 'json', '--kubernetes-version', 'v1.36', ...files.map(([file]) => file)],
    { accept: [1] },
  )
  // null where there is nothing of a kind that it knows.
  return (JSON.parse(stdout) as readonly ScoredObject[] | null) ?? []
}
