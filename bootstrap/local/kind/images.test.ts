import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { mediaTypes, readManifest, sealLayout, writeBlob, type Manifest } from '../images/oci-image.ts'
import { run } from '../run.ts'
import type { RunnerFor } from './calls.ts'
import { buildByDocker, dockerImages } from './images.ts'
import { pins } from './pins.ts'

const release = { revision: 'b'.repeat(40), created: '2026-11-26T08:00:00Z', sequence: 7 }
const docker = 'application/vnd.docker'

interface Saved {
  readonly manifest?: string
  readonly config?: string
  readonly layer?: string
}

/** An engine that has built, and saves what it has as an archive, in the layout that it has since version 25. */
function engine(t: Test, { manifest = mediaTypes.manifest, config, layer }: Saved = {}) {
  const lines: string[][] = []
  const folder = t.testdir({ saved: {} })
  const runner: RunnerFor = () => async (call) => {
    lines.push([...call.args])
    const out = call.args.find((arg) => arg.startsWith('--output='))?.slice('--output='.length)
    if (out === undefined) return { exitCode: 0, stdout: '', stderr: '' }
    const saved = join(folder, 'saved')
    const configBlob = await writeBlob(saved, config ?? mediaTypes.config, '{"os":"linux"}')
    const layerBlob = await writeBlob(saved, layer ?? 'application/vnd.oci.image.layer.v1.tar', 'a layer')
    const body: Manifest = { schemaVersion: 2, mediaType: manifest, config: configBlob, layers: [layerBlob] }
    await sealLayout(saved, await writeBlob(saved, manifest, JSON.stringify(body)))
    await writeFile(join(saved, 'manifest.json'), '[]')
    await mkdir(dirname(out), { recursive: true })
    return run('tar', ['--create', '--file', out, '--directory', saved, '.'])
  }
  const build = {
    dockerfile: '/checkout/predictor/Dockerfile',
    context: '/context',
    base: { reference: pins.base },
    release,
    out: join(folder, 'out'),
  }
  return { lines, runner, build, folder }
}

t.test('the engine builds the Dockerfile, and is left without the image', async (t) => {
  const { lines, runner, build, folder } = engine(t)
  const image = await buildByDocker(build, runner)
  const name = /^windlass\.local\/build:[0-9a-f-]{36}$/
  const [built = [], saved, removed] = lines
  t.match(built.find((arg) => arg.startsWith('--tag='))?.slice('--tag='.length), name)
  t.same(
    built.filter((arg) => !arg.startsWith('--tag=')),
    [
      ...'buildx build --load --provenance=false --file=/checkout/predictor/Dockerfile'.split(' '),
      `--build-arg=BASE=${pins.base}`,
      `--build-arg=REVISION=${release.revision}`,
      `--build-arg=CREATED=${release.created}`,
      '/context',
    ],
  )
  t.match(saved, ['image', 'save', `--output=${join(folder, 'out')}.tar`, name])
  t.match(removed, ['image', 'rm', '--force', name])
  t.same((await readdir(folder)).toSorted(), ['out', 'saved'], 'no archive is left')
  const { annotations, layers } = await readManifest(image)
  t.same(annotations, {
    'org.opencontainers.image.revision': release.revision,
    'org.opencontainers.image.created': release.created,
    'windlass.dev/sequence': '7',
  })
  const layer = join(image.layout, 'blobs', layers[0]?.digest.replace(':', '/') ?? '')
  t.equal(await readFile(layer, 'utf8'), 'a layer')
})

t.test("an image of Docker's own types is the same image by OCI's", async (t) => {
  const oci = engine(t)
  const other = engine(t, {
    manifest: `${docker}.distribution.manifest.v2+json`,
    config: `${docker}.container.image.v1+json`,
    layer: `${docker}.image.rootfs.diff.tar`,
  })
  const expected = await buildByDocker(oci.build, oci.runner)
  t.same((await buildByDocker(other.build, other.runner)).root, expected.root)
})

t.test('what is saved as an index, or by an engine too old, is refused, and the image is removed', async (t) => {
  const index = engine(t, { manifest: mediaTypes.index })
  await t.rejects(buildByDocker(index.build, index.runner), /wrote an index where one image was expected/)
  t.match(index.lines.at(-1), ['image', 'rm'])

  const old = engine(t)
  const failing: RunnerFor = () => async (call) => {
    if (call.args[1] === 'save') throw new Error('no space left on device')
    return old.runner()(call)
  }
  await t.rejects(buildByDocker(old.build, failing), /no space left/)
  t.match(old.lines.at(-1), ['image', 'rm'])
})

t.test('the base is pinned by its digest', async (t) => {
  const images = dockerImages(() => async () => ({ exitCode: 0, stdout: '', stderr: '' }))
  const base = await images.base({ name: 'base', packages: [] }, {})
  t.match(base.reference, /@sha256:[0-9a-f]{64}$/)
})
