/** Retention on a real distribution: what goes, what stays, and that what stays is whole. */
import { readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import {
  blobPath,
  mediaTypes,
  readIndex,
  sealLayout,
  writeBlob,
  type OciImage,
} from '../../../bootstrap/local/images/oci-image.ts'
import { imageAnnotations } from '../api/annotations.ts'
import { readPushedImage, setTag } from '../registry/bundle-push.ts'
import { hosts, startStandIn, type StandIn } from '../registry/test-stand-in.ts'
import type { CommandPorts } from './ports.ts'
import { retain, type RetainRequest } from './retain.ts'
import { writeTestLayout, writeTestManifests } from './test-layout.ts'
import { runSequence } from './test-sequence.ts'

t.setTimeout(300_000)
const signal = new AbortController().signal
const dayMs = 86_400_000
const sha = (digit: number) => String(digit).repeat(40)

interface Released {
  readonly image: OciImage
  readonly digest: string
}

class Repository {
  readonly name: string
  readonly #t: Test
  readonly #standIn: StandIn

  constructor(t: Test, standIn: StandIn, name: string) {
    this.#t = t
    this.#standIn = standIn
    this.name = name
  }

  get address(): string {
    return `${hosts.registry}/${this.name}`
  }

  async release(revision: string, image?: OciImage): Promise<Released> {
    const built = image ?? (await writeTestLayout(this.#t, { revision, sequence: 1 }))
    const manifests = await writeTestManifests(this.#t, this.name)
    const connect = () => this.#standIn.publisher()
    const sequence = { layout: built.layout, repository: this.address, manifests, revision, connect }
    return { image: built, digest: await runSequence(sequence) }
  }

  /** When the registry says that it was last touched. */
  async timeOf(tag: string): Promise<number> {
    const found = await this.#standIn.source().tag(this.address, tag, signal)
    if (found === undefined) throw new Error(`${tag} is not there`)
    return Math.max(found.createdAtMs, found.updatedAtMs)
  }

  async alsoTagged(tag: string, digest: string): Promise<void> {
    const connection = this.#standIn.publisher()
    await setTag(connection, this.name, tag, await readPushedImage(connection, this.name, digest, signal), signal)
  }

  async retain(request: Partial<RetainRequest>, said: string[] = []): Promise<number> {
    const ports: CommandPorts = { connect: () => this.#standIn.publisher(), say: (line) => said.push(line), signal }
    const rules = { newest: 1, graceDays: 1, keep: [], tags: /^[0-9a-f]{40}$/, isDryRun: false, nowMs: Date.now() }
    return retain({ repository: this.address, ...rules, ...request }, ports)
  }

  /** Which of these tags name an image whose every part is there, and with one bundle of theirs. */
  async whole(...tags: readonly string[]): Promise<readonly string[]> {
    const source = this.#standIn.source()
    const found: string[] = []
    for (const tag of tags) {
      const named = await source.tag(this.address, tag, signal)
      if (named === undefined) continue
      const bundles = await source.bundles(this.address, named.digest, signal)
      const [bundle, ...others] = bundles.filter(({ revision }) => revision === tag)
      const parts = await this.#childrenOf(named.digest)
      const areThere = await Promise.all(parts.map((digest) => this.has(digest)))
      if (bundle !== undefined && others.length === 0 && areThere.every(Boolean)) found.push(tag)
    }
    return found
  }

  async has(digest: string): Promise<boolean> {
    return (await this.#read(digest)) !== undefined
  }

  async #childrenOf(digest: string): Promise<readonly string[]> {
    const document = JSON.parse(String(await this.#read(digest))) as { manifests: readonly { digest: string }[] }
    return document.manifests.map((child) => child.digest)
  }

  #read(digest: string): Promise<Buffer | undefined> {
    const attempt = { host: hosts.registry, action: 'read a manifest' }
    return this.#standIn.publisher().call(this.name, attempt, signal, async ({ content }) => {
      const found = await content.getManifest(digest).catch((error: { statusCode?: number }) => {
        if (error.statusCode !== 404) throw error
      })
      return found?.content
    })
  }
}

t.test('releases that had their time go, with all that was attached; the others stay whole', async (t) => {
  const standIn = await startStandIn(t)
  const repository = new Repository(t, standIn, 'team/web')
  const all = [1, 2, 3, 4, 5, 6].map(sha)
  const releases: Released[] = []
  for (const revision of all) releases.push(await repository.release(revision))
  await repository.alsoTagged('stable', releases[1]?.digest ?? '')
  const bundles = await Promise.all(
    releases.map(({ digest }) => standIn.source().bundles(repository.address, digest, signal)),
  )
  // The grace time of the fourth ends at this very moment: the fifth is a little too young.
  const nowMs = (await repository.timeOf(sha(4))) + dayMs

  const foretold: string[] = []
  t.equal(await repository.retain({ nowMs, keep: [sha(3), 'never'], isDryRun: true }, foretold), 2)
  t.match(foretold, [
    'kept: 1 named to be kept',
    'kept: 1 among the newest',
    'kept: 1 within the grace time',
    'kept: 1 with a tag that is no release',
    'note: named to be kept, and not there: never',
    new RegExp(`^would delete ${sha(1)} `),
    new RegExp(`^would delete ${sha(4)} `),
  ])
  t.same(await repository.whole(...all), all, 'a dry run deletes nothing')

  t.equal(await repository.retain({ nowMs, keep: [sha(3)] }), 2)
  t.same(await repository.whole(...all), [sha(2), sha(3), sha(5), sha(6)])
  for (const index of [0, 3]) {
    const release = releases[index]
    if (release === undefined) throw new Error('no release')
    const children = (await readIndex(release.image)).manifests.map(({ digest }) => digest)
    const gone = [release.digest, ...children, bundles[index]?.[0]?.digest ?? '']
    t.same(await Promise.all(gone.map((digest) => repository.has(digest))), [false, false, false, false])
  }
  t.equal(await repository.retain({ nowMs, keep: [sha(3)] }), 0, 'the second time there is nothing to do')
})

t.test('what two indexes share stays for the one that stays', async (t) => {
  const repository = new Repository(t, await startStandIn(t), 'team/web')
  const old = await repository.release(sha(1))
  const shared = (await readIndex(old.image)).manifests.map(({ digest }) => digest)
  await repository.release(sha(2), await renamed(old.image, sha(2)))
  const nowMs = (await repository.timeOf(sha(2))) + 2 * dayMs
  t.equal(await repository.retain({ nowMs }), 1)
  t.same(await repository.whole(sha(1), sha(2)), [sha(2)])
  t.same(await Promise.all([old.digest, ...shared].map((digest) => repository.has(digest))), [false, true, true])
})

t.test('an identity that may not delete deletes nothing, and what is asked must be readable', async (t) => {
  const standIn = await startStandIn(t)
  const repository = new Repository(t, standIn, 'team/web')
  await repository.release(sha(1))
  await repository.release(sha(2))
  const nowMs = (await repository.timeOf(sha(2))) + 2 * dayMs
  const rules = { newest: 1, graceDays: 1, keep: [], tags: /./, isDryRun: false, nowMs }
  const ports: CommandPorts = { connect: () => standIn.reader(), say: () => {}, signal }
  await t.rejects(retain({ repository: repository.address, ...rules }, ports), { name: 'AppError' })
  t.same(await repository.whole(sha(1), sha(2)), [sha(1), sha(2)])
  const problems = /--newest must be .*\n--grace-days must be .*\n--keep takes tags and digests, not no tag/
  await t.rejects(repository.retain({ newest: Number.NaN, graceDays: 0, keep: ['no tag'] }), {
    name: 'CommandRefused',
    message: problems,
  })
})

t.test('wherever it fails, what stays is whole, and the next run ends what this one began', async (t) => {
  const standIn = await startStandIn(t)
  const total = await countRequests()
  t.ok(total > 8, `${total} places to fail at`)
  for (let place = 0; place < total; place += 1) {
    const { repository, nowMs } = await prepared(place)
    standIn.registry.faults.add({
      match: { host: 'registry' },
      skip: place,
      effect: place % 2 === 0 ? { kind: 'status', status: 403 } : { kind: 'reset' },
    })
    await t.rejects(repository.retain({ nowMs }), { name: 'AppError' }, `request ${place} fails it`)
    standIn.registry.faults.clearAll()
    const tags = await Promise.all([1, 2].map((digit) => standIn.source().tag(repository.address, sha(digit), signal)))
    const there = tags.flatMap((tag) => tag?.name ?? [])
    t.same(await repository.whole(sha(1), sha(2)), there, `after request ${place} every tag names a whole release`)
    t.ok(there.includes(sha(2)))
    await repository.retain({ nowMs })
    t.same(await repository.whole(sha(1), sha(2)), [sha(2)])
  }

  async function prepared(place: number) {
    const repository = new Repository(t, standIn, `team/at${place < 0 ? '' : `-${place}`}`)
    await repository.release(sha(1))
    await repository.release(sha(2))
    return { repository, nowMs: (await repository.timeOf(sha(2))) + 2 * dayMs }
  }

  async function countRequests(): Promise<number> {
    const { repository, nowMs } = await prepared(-1)
    await standIn.registry.requests.settled()
    const after = standIn.registry.requests.last
    t.equal(await repository.retain({ nowMs }), 1)
    await standIn.registry.requests.settled()
    return standIn.registry.requests.query({ after }).filter(({ host }) => host === hosts.registry).length
  }
})

/** The same images in an index of another commit. */
async function renamed(image: OciImage, revision: string): Promise<OciImage> {
  const index = JSON.parse(await readFile(blobPath(image.layout, image.root.digest), 'utf8')) as object
  const annotations = { [imageAnnotations.revision]: revision }
  const root = await writeBlob(image.layout, mediaTypes.index, JSON.stringify({ ...index, annotations }))
  return sealLayout(image.layout, root)
}
