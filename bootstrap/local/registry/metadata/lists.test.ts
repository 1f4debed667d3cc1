import t from 'tap'
import { temporaryDir } from '../testing.ts'
import { listManifests, listRepositories, listTagNames, listTags } from './lists.ts'
import type { ManifestFacts } from './records.ts'
import { openStore } from './store.ts'

const service = 'registry.windlass.test'

t.test('lists', async (t) => {
  const store = await openStore(await temporaryDir(t), { nowMs: Date.now, attributesMoveUpdateTime: false })
  t.teardown(() => store.close())
  for (const tag of ['b', 'd', 'a', 'c']) await store.pushed('team/app', factsOf(tag), tag)
  await store.pushed('other', factsOf('x'), 'x')

  t.test('of tags come by name, or by update time either way', async (t) => {
    t.same(tagsOf(''), ['a', 'b', 'c', 'd'])
    t.same(tagsOf('orderby=none'), ['a', 'b', 'c', 'd'])
    t.same(tagsOf('orderby=timedesc'), ['c', 'a', 'd', 'b'])
    t.same(tagsOf('orderby=timeasc'), ['b', 'd', 'a', 'c'])
  })

  t.test('have a link to the next page while there is one, which leads through all', async (t) => {
    for (const orderby of ['', 'timedesc', 'timeasc']) {
      const seen: unknown[] = []
      let query = `n=3&orderby=${orderby}`
      for (let page = 0; page < 2; page += 1) {
        const answer = listTags(store, service, 'team/app', new URLSearchParams(query))
        seen.push(...namesIn(answer.body))
        const link = answer.headers?.['link']
        t.equal(typeof link, page === 0 ? 'string' : 'undefined')
        query = /\?(.*)>/.exec(String(link))?.[1] ?? ''
      }
      t.same(seen, tagsOf(`orderby=${orderby}`))
    }
  })

  t.test('link as ACR does, with the name encoded and without the API version', async (t) => {
    const { headers } = listTags(store, service, 'team/app', new URLSearchParams('n=1&api-version=2021-07-01'))
    t.equal(headers?.['link'], '</acr/v1/team%2Fapp/_tags?last=a&n=1&orderby=>; rel="next"')
  })

  t.test('of one digest hold its tags alone', async (t) => {
    await store.pushed('team/app', factsOf('a'), 'also-a')
    t.same(tagsOf(`digest=${factsOf('a').digest}`), ['a', 'also-a'])
    t.same(tagsOf(`digest=${factsOf('a').digest}&orderby=timedesc`), ['also-a', 'a'])
    await store.untagged('team/app', 'also-a')
  })

  t.test('go on after a tag that is gone by name, and begin anew by time', async (t) => {
    t.same(tagsOf('last=bb'), ['c', 'd'])
    t.same(tagsOf('last=gone&orderby=timedesc'), ['c', 'a', 'd', 'b'])
  })

  t.test('do not show what is not to be listed', async (t) => {
    await store.changeAttributes('team/app', { kind: 'tag', name: 'c' }, { listEnabled: false })
    t.same(tagsOf('n=2&orderby=timedesc'), ['a', 'd'])
    t.same(JSON.parse(listTagNames(store, 'team/app', new URLSearchParams()).body), {
      name: 'team/app',
      tags: ['a', 'b', 'd'],
    })
    await store.changeAttributes('team/app', { kind: 'tag', name: 'c' }, { listEnabled: true })
  })

  t.test('of manifests tell their tags', async (t) => {
    const { body } = listManifests(store, service, 'team/app', new URLSearchParams('n=1&orderby=timedesc'))
    t.match(JSON.parse(body), { imageName: 'team/app', manifests: [{ digest: factsOf('c').digest, tags: ['c'] }] })
  })

  t.test('of repositories come by name', async (t) => {
    const { body, headers } = listRepositories(store, '/v2/_catalog', new URLSearchParams('n=1'))
    t.same(JSON.parse(body), { repositories: ['other'] })
    t.equal(headers?.['link'], '</v2/_catalog?last=other&n=1&orderby=>; rel="next"')
  })

  for (const [query, code] of [
    ['n=0', 'PAGINATION_NUMBER_INVALID'],
    ['n=-1', 'PAGINATION_NUMBER_INVALID'],
    ['n=five', 'PAGINATION_NUMBER_INVALID'],
    ['orderby=size', 'UNSUPPORTED'],
  ] as const) {
    t.test(`refuse ${query}`, async (t) => {
      t.throws(() => tagsOf(query), { status: 400, code })
    })
  }

  t.test('of a repository that is not there are 404', async (t) => {
    t.throws(() => listTags(store, service, 'none', new URLSearchParams()), { status: 404, code: 'NAME_UNKNOWN' })
  })

  t.test('of five SHA tags stay below two kilobytes', async (t) => {
    for (const digit of '12345') await store.pushed('sha', factsOf(digit), digit.repeat(40))
    const { body } = listTags(store, service, 'sha', new URLSearchParams('n=5&orderby=timedesc'))
    t.ok(Buffer.byteLength(body) < 2_048, `${Buffer.byteLength(body)} bytes`)
    t.match(body, /"signed":false,"changeableAttributes":\{"deleteEnabled":true/)
  })

  function tagsOf(query: string): readonly unknown[] {
    return namesIn(listTags(store, service, 'team/app', new URLSearchParams(query)).body)
  }
})

function namesIn(body: string): readonly unknown[] {
  return (JSON.parse(body) as { tags: readonly { name: string }[] }).tags.map(({ name }) => name)
}

function factsOf(name: string): ManifestFacts {
  const digest = `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}`
  return { digest, mediaType: 'application/vnd.oci.image.manifest.v1+json', size: 10, imageSize: 20 }
}
