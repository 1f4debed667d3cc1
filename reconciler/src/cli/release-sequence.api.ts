/** A release from the bytes that a builder wrote to a locked tag, against the stand-in with a real distribution. */
import t from 'tap'
import { readIndex } from '../../../bootstrap/local/images/oci-image.ts'
import { hosts, startStandIn, type StandIn } from '../registry/test-stand-in.ts'
import { runSequence } from './test-sequence.ts'
import { writeTestLayout, writeTestManifests } from './test-layout.ts'

t.setTimeout(300_000)
const signal = new AbortController().signal
const revision = '0123456789abcdef0123456789abcdef01234567'
const nameOf = (repository: string) => `${hosts.registry}/${repository}`

/** What a release comes to, as the reconciler's identity sees it. */
async function seen(standIn: StandIn, repository: string) {
  const source = standIn.source()
  const tag = await source.tag(nameOf(repository), revision, signal)
  const bundles = tag === undefined ? [] : await source.bundles(nameOf(repository), tag.digest, signal)
  return { digest: tag?.digest, revisions: bundles.map((bundle) => bundle.revision) }
}

t.test('the steps of a release leave a tag that is whole, set last and locked', async (t) => {
  const standIn = await startStandIn(t)
  const repository = 'team/web'
  const image = await writeTestLayout(t, { revision, sequence: 7 })
  const { layout, root } = image
  const manifests = await writeTestManifests(t, repository)
  const said: string[] = []
  const sequence = {
    layout,
    repository: nameOf(repository),
    manifests,
    revision,
    connect: () => standIn.publisher(),
    said,
  }
  t.equal(await runSequence(sequence), root.digest)

  t.same(await seen(standIn, repository), { digest: root.digest, revisions: [revision] })
  t.match(await standIn.source().image(nameOf(repository), root.digest, signal), { sequence: 7, revision })
  t.match(said.slice(-4), [/^pushed: .*without a tag$/, /^attached: 1 objects/, /^tagged: /, /^locked: /])

  await standIn.registry.requests.settled()
  // The SDK asks without a token first, and is told what it needs.
  const taken = standIn.registry.requests.query({}).filter(({ status }) => status < 400)
  const changes = taken
    .filter(({ method, path }) => method !== 'GET' && method !== 'HEAD' && !path.includes('/oauth2/'))
    .map(({ method, path }) => `${method} ${path}`)
  const tagged = changes.findIndex((line) => line.endsWith(`/manifests/${revision}`))
  t.ok(tagged > 0)
  const isLock = (line: string) => line.startsWith('PATCH /acr/v1/')
  t.same(
    changes.slice(tagged + 1).filter((line) => !isLock(line)),
    [],
    'nothing but the lock follows the tag',
  )
  t.same(changes.slice(0, tagged).filter(isLock), [], 'nothing is locked before it')

  t.test('once more changes nothing but the lock, which is set to what it is', async (t) => {
    const after = standIn.registry.requests.last
    t.equal(await runSequence(sequence), root.digest)
    await standIn.registry.requests.settled()
    const puts = standIn.registry.requests.query({ after, method: 'PUT' }).map(({ path }) => path)
    t.notOk(puts.some((path) => path.includes(revision)))
    t.same(await seen(standIn, repository), { digest: root.digest, revisions: [revision] })
  })

  t.test('the tag can not be moved by the very identity that set it', async (t) => {
    const other = await writeTestLayout(t, { revision, sequence: 8 })
    const moving = runSequence({ ...sequence, layout: other.layout, said: [] })
    await t.rejects(moving, { name: 'AppError', reason: 'TagMoved' })
    const bytes = Buffer.from('{}')
    const put = standIn
      .publisher()
      .call(repository, { host: hosts.registry, action: 'move a tag' }, signal, (clients) =>
        clients.content.setManifest(bytes, { tag: revision }),
      )
    await t.rejects(put, { name: 'AppError' })
    t.same(await seen(standIn, repository), { digest: root.digest, revisions: [revision] })
  })

  t.test('neither its bundle nor a part of its index can be deleted while it is locked', async (t) => {
    const bundles = await standIn.source().bundles(nameOf(repository), root.digest, signal)
    const parts = [...bundles, ...(await readIndex(image)).manifests]
    t.equal(parts.length, 3, 'the bundle, the image and its provenance')
    const attempt = { host: hosts.registry, action: 'delete a part' }
    for (const { digest } of parts) {
      const deleting = standIn
        .publisher()
        .call(repository, attempt, signal, ({ content }) => content.deleteManifest(digest))
      await t.rejects(deleting, { name: 'AppError' }, digest)
    }
    t.same((await seen(standIn, repository)).revisions, [revision])
  })
})

t.test('wherever it fails, there is no tag, or all that it names', async (t) => {
  const standIn = await startStandIn(t)
  const total = await countRequests()
  t.comment(`a release takes ${total} requests`)
  t.ok(total > 20, `${total} places to fail at`)
  let untagged = 0
  for (let place = 0; place < total; place += 1) {
    const repository = `team/at-${place}`
    standIn.registry.faults.add({
      match: { host: 'registry' },
      skip: place,
      effect: place % 2 === 0 ? { kind: 'status', status: 403 } : { kind: 'reset' },
    })
    await t.rejects(release(repository), { name: 'AppError' }, `request ${place} fails the release`)
    standIn.registry.faults.clearAll()
    const { digest, revisions } = await seen(standIn, repository)
    if (digest === undefined) untagged += 1
    else t.same(revisions, [revision], `request ${place} fails after the tag, which is whole`)

    if (place % 8 === 0) {
      await release(repository)
      t.same((await seen(standIn, repository)).revisions, [revision], 'running it again completes it')
    }
  }
  t.ok(untagged > total / 2 && untagged < total, `${untagged} of ${total} leave no tag`)

  async function release(repository: string): Promise<void> {
    const { layout } = await writeTestLayout(t, { revision, sequence: 7, content: repository })
    const manifests = await writeTestManifests(t, repository)
    await runSequence({
      layout,
      repository: nameOf(repository),
      manifests,
      revision,
      connect: () => standIn.publisher(),
    })
  }

  async function countRequests(): Promise<number> {
    const after = standIn.registry.requests.last
    await release('team/whole')
    await standIn.registry.requests.settled()
    return standIn.registry.requests.query({ after }).filter(({ host }) => host === hosts.registry).length
  }
})
