import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { checkBundle } from '../../reconciler/src/core/bundle-rules.ts'
import { parseManifests } from '../../reconciler/src/core/manifest-yaml.ts'
import { render } from '../../reconciler/src/core/render.ts'
import { keys, prefix } from '../../predictor/src/config.ts'

const folder = fileURLToPath(new URL('../../manifests/predictor', import.meta.url))

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly [field: string]: unknown
}

t.test('each file holds one object and is named after it', async (t) => {
  for (const part of ['operator', 'release']) {
    for (const file of await readdir(join(folder, part))) {
      const parsed = parseManifests(await readFile(join(folder, part, file), 'utf8'))
      t.equal(parsed.kind, 'parsed', file)
      const documents = parsed.kind === 'parsed' ? (parsed.documents as readonly Manifest[]) : []
      t.same(
        documents.map(({ kind, metadata }) => `${kind.toLowerCase()}-${metadata.name}.yaml`),
        [file],
      )
      const [object] = documents
      if (object?.kind !== 'Namespace') t.equal(object?.metadata.namespace, 'predictor', file)
    }
  }
})

t.test('a release holds what a release may hold, and the image is found in it', async (t) => {
  const documents = await read('release')
  const checked = checkBundle(documents, { namespace: 'predictor', serviceAccountName: 'predictor-deployer' })
  t.same(checked.kind === 'refused' ? checked.violations : [], [])
  t.same(documents.map(({ kind }) => kind).sort(), [
    'ConfigMap',
    'Deployment',
    'HorizontalPodAutoscaler',
    'Ingress',
    'NetworkPolicy',
    'PodDisruptionBudget',
    'Service',
    'ServiceAccount',
  ])
  const rendered = render(checked.kind === 'accepted' ? checked.objects : [], {
    owner: { namespace: 'predictor', name: 'predictor', uid: 'f00d' },
    repository: { registry: 'registry.windlass.test', repository: 'predictor' },
    tag: 'a'.repeat(40),
    digest: `sha256:${'b'.repeat(64)}`,
  })
  t.match(
    JSON.stringify(rendered),
    `"image":"registry.windlass.test/predictor:${'a'.repeat(40)}@sha256:${'b'.repeat(64)}"`,
  )
})

t.test('the configuration has only keys that the program knows, and leaves time to end', async (t) => {
  const documents = await read('release')
  const { data } = documents.find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> }
  for (const [key, value] of Object.entries(data)) {
    t.ok(
      Object.entries(keys).some(([known, { parse }]) => known === key && parse(value) !== undefined),
      `${key}=${value}`,
    )
  }
  const { spec } = documents.find(({ kind }) => kind === 'Deployment') as unknown as {
    spec: { template: { spec: PodSpec } }
  }
  const { terminationGracePeriodSeconds, enableServiceLinks, containers } = spec.template.spec
  const preStopMs = (containers[0]?.lifecycle.preStop.sleep.seconds ?? Number.NaN) * 1_000
  const endingMs = preStopMs + Number(data['PREDICTOR_DRAIN_MS']) + Number(data['PREDICTOR_CLOSE_TIMEOUT_MS'])
  t.ok(endingMs < terminationGracePeriodSeconds * 1_000, `${endingMs} ms of ${terminationGracePeriodSeconds} s`)
  t.equal(enableServiceLinks, false, `a Service named predictor would add keys under ${prefix}`)
})

interface PodSpec {
  readonly terminationGracePeriodSeconds: number
  readonly enableServiceLinks: boolean
  readonly containers: ReadonlyArray<{ lifecycle: { preStop: { sleep: { seconds: number } } } }>
}

async function read(part: string): Promise<readonly Manifest[]> {
  const files = await readdir(join(folder, part))
  const texts = await Promise.all(files.map((file) => readFile(join(folder, part, file), 'utf8')))
  return texts.flatMap((text) => {
    const parsed = parseManifests(text)
    return parsed.kind === 'parsed' ? (parsed.documents as readonly Manifest[]) : []
  })
}
