import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { request } from 'undici'
import { run } from '../run.ts'
import { buildImage, type Release } from './build-image.ts'
import { ensureDebianImage } from './debian-image.ts'
import { debianImages } from './debian-images.ts'
import { prepareContext, programs } from './image-context.ts'
import { blobPath, layerBytes, readManifest, type OciImage } from './oci-image.ts'

const checkout = fileURLToPath(new URL('../../..', import.meta.url))
const release: Release = {
  revision: '0123456789abcdef0123456789abcdef01234567',
  created: '2026-03-01T12:00:00Z',
  source: 'https://example.com/windlass',
  sequence: 7,
}

t.test('the predictor as an image', async (t) => {
  const dir = await temporaryDir(t)
  const base = await ensureDebianImage(debianImages.base)
  await prepareContext({ root: checkout, program: programs.predictor, out: join(dir, 'context') })
  const build = (out: string, of: Release = release) =>
    buildImage({
      dockerfile: join(checkout, 'predictor/Dockerfile'),
      context: join(dir, 'context'),
      base,
      release: of,
      out: join(dir, out),
    })
  const image = await build('image')
  const manifest = await readManifest(image)

  t.test('says where it comes from, in labels and on the manifest', async (t) => {
    const config = await readConfig(image)
    t.match(config.Labels, {
      'org.opencontainers.image.title': 'predictor',
      'org.opencontainers.image.revision': release.revision,
      'org.opencontainers.image.created': release.created,
      'org.opencontainers.image.source': release.source,
    })
    t.match(manifest.annotations, {
      'org.opencontainers.image.revision': release.revision,
      'org.opencontainers.image.created': release.created,
      'windlass.dev/sequence': '7',
    })
  })

  t.test('runs Node as process 1 and as nobody in particular', async (t) => {
    const config = await readConfig(image)
    t.equal(config.User, '65532:65532')
    t.same(config.Entrypoint, ['/usr/local/bin/node', '/app/server.mjs'])
  })

  t.test('comes out the same when it is built again', async (t) => {
    const again = await build('again')
    t.equal(again.root.digest, image.root.digest)
  })

  t.test('shares all but its own layer with the release before', async (t) => {
    const other = await build('other', { ...release, revision: 'f'.repeat(40), sequence: 8 })
    t.not(other.root.digest, image.root.digest)
    t.same((await readManifest(other)).layers.slice(0, 2), manifest.layers.slice(0, 2))
    t.ok((manifest.layers[2]?.size ?? Infinity) < 10_000_000, 'its own layer is small')
    t.ok((await layerBytes(image)) < 200_000_000)
  })

  t.test('starts from its layers alone, answers its revision, and ends when told', async (t) => {
    const root = join(dir, 'root')
    await unpack(image, root)
    await t.rejects(stat(join(root, 'bin/sh')), { code: 'ENOENT' }, 'there is no shell in it')
    await t.rejects(stat(join(root, 'app/node_modules')), { code: 'ENOENT' })
    t.match(await readFile(join(root, 'etc/ssl/certs/ca-certificates.crt'), 'utf8'), /^-----BEGIN CERTIFICATE-----/)
    t.ok((await stat(join(root, 'usr/share/zoneinfo/Europe/Berlin'))).size > 0)

    const { Entrypoint = [], Env = [] } = await readConfig(image)
    // An empty environment: the test runner puts its own modules into that of every process that it sees.
    const variables = [...Env, 'PORT=0', 'HOST=127.0.0.1', 'PREDICTOR_DRAIN_MS=0', 'PREDICTOR_CLOSE_TIMEOUT_MS=60000']
    // As in a container it finds /proc, which Node asks for the memory that it has; the mount ends with the process.
    const withProc = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mkdir -p "$0/proc" && mount --rbind /proc "$0/proc" && exec "$@"',
    ]
    const program = [...withProc, root, 'chroot', '--userspec=65532:65532', root, ...Entrypoint]
    const child = spawn('env', ['--ignore-environment', ...variables, ...program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    t.teardown(() => child.kill('SIGKILL'))
    const said: string[] = []
    const output = createInterface(child.stdout).on('line', (line) => said.push(line))
    const [line] = (await once(output, 'line')) as [string]
    const origin = /http:\S+?:\d+/.exec(line)?.[0] ?? ''
    const ask = (path: string) =>
      request(`${origin}${path}`).catch((error: unknown) => {
        const { exitCode, signalCode } = child
        throw new Error(`${path}: it ended with ${exitCode} ${signalCode}, and said ${said.join('\n')}`, {
          cause: error,
        })
      })
    const version = await ask('/version')
    t.same(await version.body.json(), { revision: release.revision })
    const style = await ask('/docs/static/swagger-ui.css')
    t.equal(style.statusCode, 200)
    await style.body.dump()
    child.kill('SIGTERM')
    t.same(await ended, [0, null])
  })
})

t.test('an image of Debian packages is made once for their versions', async (t) => {
  const first = await ensureDebianImage(debianImages.base)
  const steps: string[] = []
  t.same(await ensureDebianImage(debianImages.base, { onStep: (step) => steps.push(step) }), first)
  t.same(steps, [])
  t.ok(first.packages.some(({ name, version }) => name === 'libc6' && /^\d/.test(version)))
})

interface ImageConfig {
  readonly User: string
  readonly Entrypoint?: readonly string[]
  readonly Env?: readonly string[]
  readonly Labels: Readonly<Record<string, string>>
}

async function readConfig(image: OciImage): Promise<ImageConfig> {
  const { config } = await readManifest(image)
  const text = await readFile(blobPath(image.layout, config.digest), 'utf8')
  return (JSON.parse(text) as { config: ImageConfig }).config
}

async function unpack(image: OciImage, root: string): Promise<void> {
  await mkdir(root)
  const { layers } = await readManifest(image)
  for (const { digest } of layers) {
    await run('tar', ['--extract', '--directory', root, '--file', blobPath(image.layout, digest)])
  }
}

async function temporaryDir(t: { teardown: (clear: () => Promise<void>) => void }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-images-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}
