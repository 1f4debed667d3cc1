import { appendFile, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDir } from '../testing.ts'
import type { ManifestFacts } from './records.ts'
import { openStore } from './store.ts'
import type { MetadataStore } from './store.ts'

const options = { nowMs: Date.now, attributesMoveUpdateTime: false }

t.test('a tag keeps its creation time when it is moved, and its update time moves', async (t) => {
  const store = await open(t)
  await store.pushed('team/app', facts('a'), 'v1')
  const before = store.repository('team/app')?.tags.get('v1')
  await store.pushed('team/app', facts('b'), 'v1')
  const after = store.repository('team/app')?.tags.get('v1')
  t.equal(after?.createdTime, before?.createdTime)
  t.ok(String(after?.lastUpdateTime) > String(before?.lastUpdateTime))
  t.equal(after?.digest, facts('b').digest)
  t.same(store.repository('team/app')?.tagsOf(facts('a').digest), [])
  t.same(store.repository('team/app')?.tagsOf(facts('b').digest), ['v1'])
})

t.test('a push of what is there already moves the tag alone', async (t) => {
  const store = await open(t)
  await store.pushed('app', facts('a'), 'v1')
  const index = store.repository('app')
  const [manifest, tag] = [index?.manifests.get(facts('a').digest), index?.tags.get('v1')]
  await store.pushed('app', facts('a'), 'v1')
  t.same(index?.manifests.get(facts('a').digest), manifest)
  t.ok(String(index?.tags.get('v1')?.lastUpdateTime) > String(tag?.lastUpdateTime))
})

t.test('times differ even within one push, and each is the newest', async (t) => {
  const store = await open(t)
  for (const name of ['c', 'a', 'b']) await store.pushed('app', facts(name), name)
  t.same(
    [...(store.repository('app')?.tagsByTime.descending() ?? [])].map(({ name }) => name),
    ['b', 'a', 'c'],
  )
})

t.test('attributes', async (t) => {
  const store = await open(t)
  await store.pushed('app', facts('a'), 'v1')
  const before = store.repository('app')?.tags.get('v1')

  t.test('change without moving the update time, as ACR is seen to do', async (t) => {
    await store.changeAttributes('app', { kind: 'tag', name: 'v1' }, { writeEnabled: false })
    const after = store.repository('app')?.tags.get('v1')
    t.match(after?.attributes, { writeEnabled: false, deleteEnabled: true })
    t.equal(after?.lastUpdateTime, before?.lastUpdateTime)
  })

  t.test('move it where that was asked for', async (t) => {
    const moving = await open(t, { ...options, attributesMoveUpdateTime: true })
    await moving.pushed('app', facts('a'), 'v1')
    await moving.pushed('app', facts('b'), 'v2')
    await moving.changeAttributes('app', { kind: 'tag', name: 'v1' }, { writeEnabled: false })
    t.same(
      [...(moving.repository('app')?.tagsByTime.descending() ?? [])].map(({ name }) => name),
      ['v1', 'v2'],
    )
  })

  t.test('of what is not there are nothing', async (t) => {
    await store.changeAttributes('app', { kind: 'tag', name: 'none' }, { writeEnabled: false })
    await store.changeAttributes('none', { kind: 'repository' }, { writeEnabled: false })
    t.equal(store.repository('none'), undefined)
  })
})

t.test('a manifest goes with its tags, and a repository with its last manifest', async (t) => {
  const store = await open(t)
  await store.pushed('app', facts('a'), 'v1')
  await store.pushed('app', facts('b'), 'v2')
  await store.deleted('app', facts('a').digest)
  t.same([...(store.repository('app')?.tags.keys() ?? [])], ['v2'])
  await store.deleted('app', facts('b').digest)
  t.equal(store.repository('app'), undefined)
  t.same([...store.repositoryNames()], [])
})

t.test('what was recorded is there after a restart, a line torn by a kill is not', async (t) => {
  const dir = await temporaryDir(t)
  const first = await openStore(dir, options)
  await first.pushed('app', facts('a', { subject: facts('b').digest }), 'v1')
  await first.changeAttributes('app', { kind: 'tag', name: 'v1' }, { listEnabled: false })
  const before = first.repository('app')?.tags.get('v1')
  await first.close()
  await appendFile(join(dir, 'metadata.jsonl'), '[{"put":"tag","repository":"app","rec')

  const second = await openStore(dir, options)
  t.same(second.repository('app')?.tags.get('v1'), before)
  t.same(second.repository('app')?.referrersOf(facts('b').digest), [facts('a').digest])
  await second.pushed('app', facts('c'), 'v2')
  await second.close()

  const third = await openStore(dir, options)
  t.teardown(() => third.close())
  t.same([...(third.repository('app')?.tagsByName.ascending() ?? [])], ['v1', 'v2'])
  t.ok(String(third.repository('app')?.tags.get('v2')?.createdTime) > String(before?.lastUpdateTime))
})

t.test('a damaged journal is refused by its line', async (t) => {
  const dir = await temporaryDir(t)
  await appendFile(join(dir, 'metadata.jsonl'), '[]\nnonsense\n')
  await t.rejects(openStore(dir, options), { message: /metadata\.jsonl is damaged in line 2/ })
})

t.test('a journal much longer than what it leads to is written anew', async (t) => {
  const dir = await temporaryDir(t)
  const first = await openStore(dir, options)
  for (let push = 0; push < 600; push += 1) await first.pushed('app', facts('a'), 'moving')
  const before = first.repository('app')?.tags.get('moving')
  await first.close()
  const long = (await stat(join(dir, 'metadata.jsonl'))).size
  const second = await openStore(dir, options)
  t.same(second.repository('app')?.tags.get('moving'), before)
  await second.untagged('app', 'moving')
  await second.close()
  t.ok((await stat(join(dir, 'metadata.jsonl'))).size < long / 50)
  t.match(await readFile(join(dir, 'metadata.jsonl'), 'utf8'), /"drop":"tag"/)
})

async function open(t: Parameters<typeof temporaryDir>[0], with_ = options): Promise<MetadataStore> {
  const store = await openStore(await temporaryDir(t), with_)
  t.teardown(() => store.close())
  return store
}

function facts(name: string, more: Partial<ManifestFacts> = {}): ManifestFacts {
  const digest = `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}`
  return { digest, mediaType: 'application/vnd.oci.image.manifest.v1+json', size: 10, imageSize: 20, ...more }
}
