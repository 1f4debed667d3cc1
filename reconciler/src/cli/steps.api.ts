/** What each step of a release refuses, in words that say what to do. */
import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { blobPath, readIndex } from '../../../bootstrap/local/images/oci-image.ts'
import { hosts, startStandIn } from '../registry/test-stand-in.ts'
import { attach } from './attach.ts'
import { lock } from './lock.ts'
import type { CommandPorts } from './ports.ts'
import { push } from './push.ts'
import { registryPassword } from './registry-password.ts'
import { tagRelease } from './tag.ts'
import { writeTestLayout, writeTestManifests } from './test-layout.ts'

const revision = '0123456789abcdef0123456789abcdef01234567'
const repository = `${hosts.registry}/team/web`
const standIn = await startStandIn(t)
const refusal = (message: RegExp) => ({ name: 'CommandRefused', message })

function ports(said: string[] = []): CommandPorts {
  return { connect: () => standIn.publisher(), say: (line) => said.push(line), signal: new AbortController().signal }
}

async function pushed(t: Test, of = revision, more: { readonly isBare?: boolean } = {}): Promise<string> {
  const { layout } = await writeTestLayout(t, { revision: of, ...more })
  return `${repository}@${await push({ layout, to: repository, revision: of }, ports())}`
}

t.test('a layout that is not whole is not pushed', async (t) => {
  const broken = async (t: Test, breakIt: (layout: string, digest: string) => Promise<void>) => {
    const image = await writeTestLayout(t, { revision })
    const [child] = (await readIndex(image)).manifests
    await breakIt(image.layout, child?.digest ?? '')
    return push({ layout: image.layout, to: repository, revision }, ports())
  }
  const after = standIn.registry.requests.last
  await t.rejects(
    broken(t, (layout) => rm(join(layout, 'index.json'))),
    refusal(/holds no image: it has no index\.json/),
  )
  await t.rejects(
    broken(t, (layout) => writeFile(join(layout, 'index.json'), '{')),
    refusal(/index\.json is not JSON/),
  )
  await t.rejects(
    broken(t, (layout, child) => rm(blobPath(layout, child))),
    refusal(/the manifest sha256:\w+ is not in the layout/),
  )
  await t.rejects(
    broken(t, (layout, child) => appendFile(blobPath(layout, child), ' ')),
    refusal(/the file of manifest sha256:\w+ holds something else/),
  )
  await standIn.registry.requests.settled()
  t.same(standIn.registry.requests.query({ after }), [], 'the registry was asked nothing')
})

t.test('a blob that is missing or has another size is named, one whose bytes differ is not taken', async (t) => {
  const image = await writeTestLayout(t, { revision, isBare: true, content: 'a layer' })
  const layer = blobPath(image.layout, 'sha256:' + (await sha256('a layer')))
  await writeFile(layer, 'A layer')
  await t.rejects(push({ layout: image.layout, to: repository, revision }, ports()), {
    reason: 'RegistryInvalidAnswer',
    message: /can't push the blob sha256:\w+ to .*: the file holds sha256:/,
  })
  await writeFile(layer, 'another size')
  await t.rejects(push({ layout: image.layout, to: repository, revision }, ports()), refusal(/has 12 bytes, not 7/))
  await rm(layer)
  await t.rejects(push({ layout: image.layout, to: repository, revision }, ports()), refusal(/is not in the layout/))
})

t.test('an image of another commit, and a place that is none, are refused', async (t) => {
  const { layout } = await writeTestLayout(t, { revision: 'f'.repeat(40) })
  await t.rejects(push({ layout, to: repository, revision }, ports()), refusal(/was built from f{40}, not from 0123/))
  await t.rejects(push({ layout, to: 'team/web', revision }, ports()), refusal(/--to: .*names no registry/))
  const image = await pushed(t, 'f'.repeat(40))
  const tagging = tagRelease({ image, revision, hasManifests: false, attested: [] }, ports())
  await t.rejects(tagging, refusal(/says that it was built from f{40}, not from 0123/))
})

t.test(
  "the password that Docker is given is CI's own: it may push, and where there is no host none is asked for",
  async (t) => {
    const password = await registryPassword(hosts.registry, ports())
    const form = {
      grant_type: 'refresh_token',
      service: hosts.registry,
      scope: 'repository:team/web:pull,push',
      refresh_token: password,
    }
    const { statusCode, body } = await request(`https://${hosts.registry}/oauth2/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
      dispatcher: standIn.dispatcher,
    })
    t.match([statusCode, await body.json()], [200, { access_token: String }])
    for (const host of ['', 'contoso', 'contoso.azurecr.io/web', 'https://contoso.azurecr.io']) {
      await t.rejects(registryPassword(host, ports()), refusal(/is not the host of a registry/), host)
    }
  },
)

t.test('what is pushed already is not sent again', async (t) => {
  const to = `${hosts.registry}/team/fresh`
  const { layout } = await writeTestLayout(t, { revision })
  const first: string[] = []
  const digest = await push({ layout, to, revision }, ports(first))
  const second: string[] = []
  t.equal(await push({ layout, to, revision }, ports(second)), digest)
  t.equal(first.filter((line) => line.startsWith('pushing')).length, 4, 'two configurations, a layer, a statement')
  t.same(second, [`pushed: ${to}@${digest}, without a tag`])
})

t.test('a layer of several parts arrives whole', async (t) => {
  const { layout } = await writeTestLayout(t, { revision, isBare: true, content: Buffer.alloc(9 * 1024 * 1024 + 1, 7) })
  const image = `${repository}@${await push({ layout, to: repository, revision }, ports())}`
  await tagRelease({ image, revision, hasManifests: false, attested: [] }, ports())
  t.match(await standIn.source().tag(repository, revision, new AbortController().signal), {
    digest: image.split('@')[1],
  })
})

t.test('what is not whole is not tagged', async (t) => {
  const of = 'a'.repeat(40)
  const image = await pushed(t, of)
  const tag = (more: { readonly hasManifests?: boolean; readonly attested?: readonly string[] }, said: string[] = []) =>
    tagRelease({ image, revision: of, hasManifests: true, attested: [], ...more }, ports(said))
  await t.rejects(tag({}), refusal(/has no manifests of a{40}: run windlass attach first/))
  await t.rejects(
    tag({ hasManifests: false, attested: ['application/sbom'] }),
    refusal(/no application\/sbom attached/),
  )
  const absent = await standIn.source().tag(repository, of, new AbortController().signal)
  t.equal(absent, undefined)

  await attach({ folder: await writeTestManifests(t, 'team/web'), image, revision: of }, ports())
  await t.rejects(tag({ attested: ['application/sbom'] }), refusal(/has no application\/sbom attached/))
  const said: string[] = []
  await tag({ attested: ['application/vnd.windlass.manifests.v1'] }, said)
  t.match(said, [/note: the image has no annotation windlass\.dev\/sequence/, /^tagged: /])
})

t.test('what is not there, or is named otherwise, is not locked', async (t) => {
  const of = 'b'.repeat(40)
  const [image, other] = [await pushed(t, of), await pushed(t, of)]
  await t.rejects(lock({ image, revision: of }, ports()), { reason: 'RepositoryNotFound', message: /can't lock/ })
  await tagRelease({ image, revision: of, hasManifests: false, attested: [] }, ports())
  await t.rejects(lock({ image: other, revision: of }, ports()), {
    reason: 'TagMoved',
    message: /can't lock .*: the tag names sha256:/,
  })
  await t.rejects(lock({ image: repository, revision: of }, ports()), refusal(/must be REGISTRY\/REPOSITORY@DIGEST/))
  const said: string[] = []
  await lock({ image, revision: of }, ports(said))
  t.match(said, [/^locked: /])
})

async function sha256(text: string): Promise<string> {
  const { createHash } = await import('node:crypto')
  return createHash('sha256').update(text).digest('hex')
}
