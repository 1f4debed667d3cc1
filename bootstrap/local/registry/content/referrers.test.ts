import t from 'tap'
import type { ManifestFacts } from '../metadata/records.ts'
import { openStore } from '../metadata/store.ts'
import { temporaryDir } from '../testing.ts'
import { listReferrers } from './referrers.ts'

const subject = `sha256:${'f'.repeat(64)}`

t.test('referrers of an image', async (t) => {
  const store = await openStore(await temporaryDir(t), { nowMs: Date.now, attributesMoveUpdateTime: false })
  t.teardown(() => store.close())
  await store.pushed('team/app', facts('0'), 'v1')
  for (const [digit, artifactType] of [
    ['1', 'a/bundle'],
    ['2', 'a/signature'],
    ['3', 'a/bundle'],
  ] as const) {
    await store.pushed('team/app', { ...facts(digit), artifactType, subject, annotations: { digit } })
  }
  const list = (query = '', pageSize = 100, of = subject) =>
    listReferrers(store, pageSize, 'team/app', of, new URLSearchParams(query))

  t.test('are an index of their descriptors', async (t) => {
    const { status, headers, body } = list()
    t.equal(status, 200)
    t.equal(headers?.['content-type'], 'application/vnd.oci.image.index.v1+json')
    const index = JSON.parse(body) as { manifests: object[] }
    t.match(index, { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json' })
    t.equal(index.manifests.length, 3)
    t.same(index.manifests[0], {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: facts('1').digest,
      size: 10,
      artifactType: 'a/bundle',
      annotations: { digit: '1' },
    })
    t.notOk(headers?.['oci-filters-applied'])
  })

  t.test('of one type alone are said to be filtered', async (t) => {
    const { headers, body } = list('artifactType=a/bundle')
    t.equal(headers?.['oci-filters-applied'], 'artifactType')
    t.same(digestsIn(body), [facts('1').digest, facts('3').digest])
  })

  t.test('come in pages that keep the filter', async (t) => {
    const first = list('artifactType=a/bundle', 1)
    const link = /^<\/v2\/team\/app\/referrers\/sha256:f{64}\?(.*)>; rel="next"$/.exec(String(first.headers?.['link']))
    const second = list(link?.[1], 1)
    t.same([...digestsIn(first.body), ...digestsIn(second.body)], [facts('1').digest, facts('3').digest])
    t.notOk(second.headers?.['link'])
  })

  t.test('of what has none are an empty index', async (t) => {
    t.same(digestsIn(list('', 100, facts('9').digest).body), [])
  })

  t.test('in a repository that is not there are 404', async (t) => {
    t.throws(() => listReferrers(store, 1, 'none', subject, new URLSearchParams()), { code: 'NAME_UNKNOWN' })
  })

  t.test('are gone when they are deleted', async (t) => {
    await store.deleted('team/app', facts('2').digest)
    t.same(digestsIn(list().body), [facts('1').digest, facts('3').digest])
  })
})

function digestsIn(body: unknown): readonly string[] {
  return (JSON.parse(String(body)) as { manifests: readonly { digest: string }[] }).manifests.map(
    ({ digest }) => digest,
  )
}

function facts(digit: string): ManifestFacts {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  return { digest: `sha256:${digit.repeat(64)}`, mediaType, size: 10, imageSize: 20 }
}
