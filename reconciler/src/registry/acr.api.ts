import { randomBytes } from 'node:crypto'
import t from 'tap'
import { chooseBundle } from '../core/bundle-choice.ts'
import type { AppError } from '../core/errors.ts'
import { failure } from './test-failure.ts'
import { encodeBundle, mostCompressedBytes } from './bundle-format.ts'
import { pushBundle, readPushedImage, setTag } from './bundle-push.ts'
import type { TagHead } from './tag-source.ts'
import { hosts, pushImage, pushRelease, startStandIn } from './test-stand-in.ts'

const forever = new AbortController().signal
const repository = `${hosts.registry}/team/predictor`
const name = 'team/predictor'
const manifests = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n'

function isRelease(tag: string): boolean {
  return /^[0-9a-f]{40}$/.test(tag)
}

function sha(n: number): string {
  return n.toString(16).padStart(40, '0')
}

t.test('the adapter against a registry that keeps real content', async (t) => {
  const standIn = await startStandIn(t)
  const { registry } = standIn
  const publisher = standIn.publisher()
  const source = standIn.source()
  const first = await pushRelease(publisher, name, sha(1), manifests, { 'windlass.dev/sequence': '1' })

  async function countRequests<T>(action: () => Promise<T>) {
    await registry.requests.settled()
    const after = registry.requests.last
    const result = await action()
    await registry.requests.settled()
    return { result, requests: registry.requests.query({ after }) }
  }

  let head: TagHead | undefined
  t.test('the first poll finds the release, signed in by workload identity', async (t) => {
    const scan = await source.scan({ repository, matches: isRelease }, forever)
    t.match(scan, { kind: 'changed', head: { name: sha(1) }, tags: [{ name: sha(1), digest: first.digest }] })
    if (scan.kind === 'changed') head = scan.head
    t.ok(registry.requests.query({ host: hosts.entra, path: '/oauth2/v2.0/token$' }).length > 0)
  })

  t.test('an unchanged poll is one request and under 3 KB', async (t) => {
    const { result, requests } = await countRequests(() =>
      source.scan({ repository, matches: isRelease, ...(head && { head }) }, forever),
    )
    t.equal(result.kind, 'unchanged')
    t.equal(requests.length, 1)
    t.match(requests, [{ method: 'GET', path: '/acr/v1/team/predictor/_tags', status: 200, user: 'reconciler' }])
    t.ok((requests[0]?.bytesSent ?? Infinity) < 3_000)
  })

  t.test('an image is read by one request, and then known', async (t) => {
    const { result, requests } = await countRequests(() => source.image(repository, first.digest, forever))
    t.match(result, { digest: first.digest, sequence: 1, mediaType: 'application/vnd.oci.image.manifest.v1+json' })
    t.equal(requests.filter(({ path }) => path.startsWith('/v2/')).filter(({ status }) => status === 200).length, 1)
    t.equal((await countRequests(() => source.image(repository, first.digest, forever))).requests.length, 0)
  })

  t.test('its bundle is found and read, the blob from where the registry sends us, without a token', async (t) => {
    const bundles = await source.bundles(repository, first.digest, forever)
    t.strictSame(bundles, [{ digest: first.bundle, subject: first.digest, revision: sha(1) }])
    const choice = chooseBundle(bundles, sha(1))
    t.equal(choice.kind, 'bundle')
    if (choice.kind !== 'bundle') return
    const { result, requests } = await countRequests(() => source.bundle(repository, choice.bundle, forever))
    t.match(result.documents, [{ kind: 'ConfigMap' }])
    const stored = requests.filter(({ host }) => host === 'blobs.windlass.test')
    t.match(stored, [{ status: 200, method: 'GET' }])
    t.equal(stored[0]?.user, undefined)
  })

  t.test('a bundle of more than 512 KiB, which the registry keeps, is refused and not read', async (t) => {
    const text = `${manifests}data: { a: ${randomBytes(mostCompressedBytes).toString('base64')} }\n`
    const { digest, bundle } = await pushRelease(publisher, 'team/large', sha(1), text)
    const large = { digest: bundle, subject: digest, revision: sha(1) }
    const read = () => failure(source.bundle(`${hosts.registry}/team/large`, large, forever))

    const { result, requests } = await countRequests(read)

    t.match(result, {
      kind: 'terminal',
      reason: 'BundleInvalid',
      message: /bytes compressed, 524288 at most are taken/,
    })
    t.same(
      requests.filter(({ path }) => path.includes('/blobs/')),
      [],
    )
  })

  t.test('fifty other tags that were pushed after a release do not hide it', async (t) => {
    const release = await pushRelease(publisher, name, sha(2), manifests)
    const other = await pushImage(publisher, name, 'other')
    const image = await readPushedImage(publisher, name, other, forever)
    for (let i = 0; i < 50; i += 1) await setTag(publisher, name, `pr-${i}`, image, forever)
    const { result, requests } = await countRequests(() =>
      source.scan({ repository, matches: isRelease, ...(head && { head }) }, forever),
    )
    t.match(result, {
      kind: 'changed',
      head: { name: 'pr-49' },
      tags: [{ name: sha(2), digest: release.digest }, { name: sha(1) }],
    })
    t.equal(requests.length, 2, 'a page of five and one of a hundred')
    if (result.kind === 'changed') head = result.head
  })

  t.test('a tag is read by name', async (t) => {
    t.match(await source.tag(repository, sha(1), forever), { name: sha(1), digest: first.digest })
    t.equal(await source.tag(repository, sha(9), forever), undefined)
  })

  t.test('a repository that is not there is not found, and one that is not ours is refused', async (t) => {
    const missing = source.scan({ repository: `${hosts.registry}/team/none`, matches: isRelease }, forever)
    t.match(await failure(missing), { kind: 'waiting', reason: 'RepositoryNotFound' })
    const secret = source.scan({ repository: `${hosts.registry}/secret`, matches: isRelease }, forever)
    t.match(await failure(secret), { kind: 'waiting', reason: /^Registry(Unauthorized|Forbidden)$/ })
  })

  t.test('pages that lost their Link do not pass for the end of the list', async (t) => {
    const fault = registry.faults.add({ match: { path: '/_tags$' }, effect: { kind: 'dropLink' } })
    const scan = await source.scan({ repository, matches: isRelease, knownSinceMs: 0 }, forever)
    registry.faults.clear(fault)
    t.match(scan, { kind: 'changed', tags: [{ name: sha(2) }, { name: sha(1) }] })
  })

  const faults: Array<[name: string, effect: Parameters<typeof registry.faults.add>[0]['effect'], expected: object]> = [
    ['a 500', { kind: 'status', status: 500 }, { kind: 'retryable', reason: 'RegistryUnavailable' }],
    ['a reset', { kind: 'reset' }, { kind: 'retryable', reason: 'RegistryUnavailable' }],
    ['half an answer', { kind: 'truncate' }, { kind: 'retryable', reason: 'RegistryUnavailable' }],
    ['JSON that breaks off', { kind: 'malformed' }, { kind: 'retryable', reason: 'RegistryInvalidAnswer' }],
    ['a stall', { kind: 'stall', after: 'half' }, { kind: 'retryable', reason: 'RegistryUnavailable' }],
    ['a silence', { kind: 'stall', after: 'nothing' }, { kind: 'retryable', reason: 'RegistryUnavailable' }],
  ]
  for (const [what, effect, expected] of faults) {
    t.test(`${what} in place of the list decides nothing, and costs one request`, async (t) => {
      const impatient = standIn.source({ limits: { timeoutMs: 700 } })
      await impatient.scan({ repository, matches: isRelease }, forever)
      const fault = registry.faults.add({ match: { path: '/_tags$' }, effect })
      const { result, requests } = await countRequests(async () => {
        const error = await failure(impatient.scan({ repository, matches: isRelease, ...(head && { head }) }, forever))
        registry.faults.clear(fault)
        return error
      })
      t.match(result, expected)
      t.equal(requests.length, 1)
      t.match(await impatient.scan({ repository, matches: isRelease, ...(head && { head }) }, forever), {
        kind: 'unchanged',
      })
    })
  }

  t.test('a second page that fails decides nothing', async (t) => {
    const fault = registry.faults.add({ match: { path: '/_tags$' }, skip: 1, effect: { kind: 'status', status: 503 } })
    t.match(await failure(source.scan({ repository, matches: isRelease, knownSinceMs: 0 }, forever)), {
      kind: 'retryable',
      reason: 'RegistryUnavailable',
    })
    registry.faults.clear(fault)
  })

  t.test('a blob store that is away is told apart from a bad bundle', async (t) => {
    const fault = registry.faults.add({ match: { host: 'blobs' }, effect: { kind: 'status', status: 503 } })
    const reference = { digest: first.bundle, subject: first.digest, revision: sha(1) }
    t.match(await failure(source.bundle(repository, reference, forever)), {
      kind: 'retryable',
      reason: 'RegistryUnavailable',
    })
    registry.faults.clear(fault)
    t.match(await source.bundle(repository, reference, forever), { documents: [{ kind: 'ConfigMap' }] })
  })

  t.test('429 with Retry-After costs one request for as long as it says', async (t) => {
    const throttled = standIn.source()
    const fault = registry.faults.add({ effect: { kind: 'status', status: 429, retryAfterSeconds: 30 } })
    const { result, requests } = await countRequests(async () => {
      const errors: AppError[] = []
      for (let i = 0; i < 10; i += 1)
        errors.push(await failure(throttled.scan({ repository, matches: isRelease }, forever)))
      return errors
    })
    registry.faults.clear(fault)
    t.equal(requests.length, 1)
    for (const error of result) t.match(error, { kind: 'retryable', reason: 'RegistryThrottled' })
    t.ok(result.every(({ retryAfterMs = 0 }) => retryAfterMs > 25_000))
  })

  t.test('a tag that was moved keeps its creation time', async (t) => {
    const before = await source.tag(repository, sha(1), forever)
    const other = await readPushedImage(publisher, name, await pushImage(publisher, name, 'moved'), forever)
    const attempt = { host: hosts.registry, action: 'move a tag' }
    await publisher.call(name, attempt, forever, ({ content }) => content.setManifest(other.bytes, { tag: sha(1) }))
    const after = await source.tag(repository, sha(1), forever)
    t.equal(after?.createdAtMs, before?.createdAtMs)
    t.ok((after?.updatedAtMs ?? 0) > (before?.updatedAtMs ?? Infinity))
    t.equal(after?.digest, other.subject.digest)
  })
})

t.test('a registry without the referrers API', async (t) => {
  const standIn = await startStandIn(t, { referrers: { api: false } })
  const publisher = standIn.publisher()
  const source = standIn.source()
  const release = await pushRelease(publisher, name, sha(1), manifests)
  const image = await readPushedImage(publisher, name, release.digest, forever)

  t.test('bundles are kept under the tag that stands for it', async (t) => {
    const bundles = await source.bundles(repository, release.digest, forever)
    t.strictSame(bundles, [{ digest: release.bundle, subject: release.digest, revision: sha(1) }])
    const [bundle] = bundles
    if (bundle !== undefined)
      t.match(await source.bundle(repository, bundle, forever), { documents: [{ kind: 'ConfigMap' }] })
  })

  t.test('a second bundle joins the first', async (t) => {
    const second = encodeBundle('b: 2\n', image.subject, sha(2))
    await pushBundle(publisher, name, second, image.subject, forever)
    await pushBundle(publisher, name, second, image.subject, forever)
    const bundles = await source.bundles(repository, release.digest, forever)
    t.strictSame(bundles.map(({ digest }) => digest).sort(), [release.bundle, second.digest].sort())
  })
})

t.test('tokens that expire are replaced within the call', async (t) => {
  let aheadMs = 0
  const standIn = await startStandIn(
    t,
    { lifetimes: { accessTokenSeconds: 60 } },
    { nowMs: () => Date.now() + aheadMs },
  )
  const { requests } = standIn.registry
  await pushRelease(standIn.publisher(), name, sha(1), manifests)
  const source = standIn.source()
  const scan = await source.scan({ repository, matches: isRelease }, forever)
  t.equal(scan.kind, 'changed')
  if (scan.kind !== 'changed') return
  const { digest } = scan.tags[0] ?? { digest: '' }
  await source.bundles(repository, digest, forever)
  for (let expiries = 1; expiries <= 3; expiries += 1) {
    aheadMs += 61_000
    await requests.settled()
    const after = requests.last
    t.equal((await source.scan({ repository, matches: isRelease, head: scan.head }, forever)).kind, 'unchanged')
    t.equal((await source.bundles(repository, digest, forever)).length, 1)
    await requests.settled()
    const statuses = requests.query({ after }).map(({ path, status }) => `${path.replace(/sha256:.*/, '')} ${status}`)
    t.strictSame(statuses, [
      '/acr/v1/team/predictor/_tags 401',
      '/oauth2/token 200',
      '/acr/v1/team/predictor/_tags 200',
      '/v2/team/predictor/referrers/ 401',
      '/oauth2/exchange 200',
      '/oauth2/token 200',
      '/v2/team/predictor/referrers/ 200',
    ])
  }
})

t.test('an identity that Entra ID does not know is told as that', async (t) => {
  const standIn = await startStandIn(t, { identities: [] })
  t.match(await failure(standIn.source().scan({ repository, matches: isRelease }, forever)), {
    kind: 'waiting',
    reason: 'RegistryUnauthorized',
    message: /login\.windlass\.test refused \(AADSTS\d+\)/,
  })
})
