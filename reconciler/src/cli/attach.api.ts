import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { encodeBundle } from '../registry/bundle-format.ts'
import { pushBundle, readPushedImage } from '../registry/bundle-push.ts'
import { digestOf } from '../registry/oci.ts'
import type { RegistryConnection } from '../registry/registry-connection.ts'
import { hosts, pushImage, startStandIn } from '../registry/test-stand-in.ts'
import { attach, type AttachRequest } from './attach.ts'

const forever = new AbortController().signal
const name = 'team/predictor'
const repository = `${hosts.registry}/${name}`
const revision = '0123456789abcdef0123456789abcdef01234567'
const annotations = { 'org.opencontainers.image.revision': revision, 'windlass.dev/sequence': '7' }

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: predictor }
spec:
  template:
    spec:
      containers: [{ name: predictor, image: team/predictor }]
`

async function manifests(t: Test, text: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-attach-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  await writeFile(join(dir, 'deployment.yaml'), text)
  return dir
}

for (const api of [true, false]) {
  t.test(`attaching to a registry ${api ? 'with' : 'without'} the referrers API`, async (t) => {
    const standIn = await startStandIn(t, { referrers: { api } })
    const publisher = standIn.publisher()
    const source = standIn.source()
    const digest = await pushImage(publisher, name, 'one', annotations)
    const folder = await manifests(t, deployment)
    const request = { folder, image: `${repository}@${digest}`, revision }
    let bundle = ''

    t.test('the reconciler finds and reads what was attached, and the tag last of all', async (t) => {
      const said: string[] = []
      bundle = await run(publisher, { ...request, tag: revision }, said)
      t.strictSame(said, [
        `attached: 1 objects of ${revision} to ${repository}@${digest}`,
        `tagged: ${repository}:${revision}`,
      ])
      const [reference, ...others] = await source.bundles(repository, digest, forever)
      t.strictSame(reference, { digest: bundle, subject: digest, revision })
      t.equal(others.length, 0)
      if (reference === undefined) return
      t.match(await source.bundle(repository, reference, forever), { documents: [{ kind: 'Deployment' }] })
      t.match(await source.tag(repository, revision, forever), { digest })
      const writes = standIn.registry.requests.query({ method: 'PUT', path: '/manifests/' }).map(({ path }) => path)
      t.match(writes.at(-1), new RegExp(`/manifests/${revision}$`))
    })

    t.test('attaching the same again does nothing and says the same', async (t) => {
      const after = standIn.registry.requests.last
      const said: string[] = []
      t.equal(await run(publisher, { ...request, tag: revision }, said), bundle)
      t.match(said[0], /^already attached/)
      await standIn.registry.requests.settled()
      const writes = standIn.registry.requests
        .query({ after })
        .filter(({ method }) => method !== 'GET' && method !== 'HEAD')
      t.strictSame(
        writes.filter(({ path }) => path.startsWith('/v2/')),
        [],
      )
    })

    t.test('attaching other manifests is refused, and nothing is pushed', async (t) => {
      const other = await manifests(t, `${deployment}  replicas: 2\n`)
      await t.rejects(run(publisher, { ...request, folder: other }), {
        name: 'CommandRefused',
        message: new RegExp(`has another bundle of ${revision} attached, ${bundle}`),
      })
      t.equal((await source.bundles(repository, digest, forever)).length, 1)
    })

    t.test('a bundle that was packed by another program is the same where its text is', async (t) => {
      const second = await pushImage(publisher, name, 'two')
      const image = await readPushedImage(publisher, name, second, forever)
      const packed = encodeBundle(`---\n# deployment.yaml\n${deployment}`, image.subject, revision)
      const spaced = Buffer.from(JSON.stringify(JSON.parse(packed.manifest.toString()), undefined, 2))
      const foreign = { ...packed, manifest: spaced, digest: digestOf(spaced) }
      await pushBundle(publisher, name, foreign, image.subject, forever)
      const said: string[] = []
      t.equal(await run(publisher, { ...request, image: `${repository}@${second}` }, said), foreign.digest)
      t.match(said, [/note: the image has no annotation org/, /note: .*sequence/, /^already attached/])
    })
  })
}

t.test('what can not be attached to', async (t) => {
  const standIn = await startStandIn(t)
  const publisher = standIn.publisher()
  const folder = await manifests(t, deployment)

  t.test('an image that is not there', async (t) => {
    const image = `${repository}@sha256:${'a'.repeat(64)}`
    await t.rejects(run(publisher, { folder, image, revision }), { reason: 'ImageInvalid', message: /push it first/ })
  })

  t.test('an image of another commit', async (t) => {
    const digest = await pushImage(publisher, name, 'other', { 'org.opencontainers.image.revision': 'f'.repeat(40) })
    await t.rejects(run(publisher, { folder, image: `${repository}@${digest}`, revision }), {
      name: 'CommandRefused',
      message: /says that it was built from f{40}, not from 0123/,
    })
  })

  t.test('a tag that names another image', async (t) => {
    const [first, second] = [await pushImage(publisher, name, '1'), await pushImage(publisher, name, '2')]
    await run(publisher, { folder, image: `${repository}@${first}`, revision, tag: revision })
    const moving = run(publisher, { folder, image: `${repository}@${second}`, revision, tag: revision })
    await t.rejects(moving, { reason: 'TagMoved', message: /the tag of a release does not move/ })
    t.match(await standIn.source().tag(repository, revision, forever), { digest: first })
  })

  t.test('a registry that gives no right to push', async (t) => {
    const digest = await pushImage(publisher, name, 'secret')
    const source = standIn.source()
    t.ok(await source.image(repository, digest, forever))
    await t.rejects(run(standIn.reader(), { folder, image: `${repository}@${digest}`, revision }), {
      name: 'AppError',
      message: /can't push a bundle to registry\.windlass\.test\/team\/predictor/,
      reason: /^Registry(Unauthorized|Forbidden)$/,
    })
  })
})

function run(connection: RegistryConnection, request: AttachRequest, said: string[] = []): Promise<string> {
  return attach(request, { connect: () => connection, say: (line) => said.push(line), signal: forever })
}
