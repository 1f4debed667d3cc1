import { buffer } from 'node:stream/consumers'
import t from 'tap'
import type { FaultInput } from './control/faults.ts'
import { startRegistryWithContent } from './testing-content.ts'
import { publisherClients, pushImage, readerClients } from './testing-sdk.ts'

t.test('what the Azure SDK makes of faults', async (t) => {
  const registry = await startRegistryWithContent(t)
  const publisher = await publisherClients(registry)
  const reader = await readerClients(registry)
  for (const tag of ['a', 'b', 'c']) await pushImage(publisher.content('team/app'), tag, tag)
  const tags = async (): Promise<readonly string[]> => {
    const names: string[] = []
    const pages = reader.client
      .getArtifact('team/app', 'any')
      .listTagProperties({ order: 'LastUpdatedOnDescending' })
      .byPage({ maxPageSize: 1 })
    for await (const page of pages) names.push(...page.map(({ name }) => name))
    return names
  }
  const blob = async (): Promise<Buffer> => {
    const { manifest } = await reader.content('team/app').getManifest('a')
    const { layers } = manifest as { layers: readonly { digest: string }[] }
    const { content } = await reader.content('team/app').downloadBlob(layers[0]?.digest ?? '')
    return buffer(content)
  }
  const match = { path: '/_tags$', repository: 'team/app' }

  const cases: Readonly<Record<string, readonly [FaultInput, RegExp]>> = {
    '429': [{ match, effect: { kind: 'status', status: 429, retryAfterSeconds: 1 } }, /TOOMANYREQUESTS/],
    '403': [{ match, effect: { kind: 'status', status: 403 } }, /DENIED/],
    '401 on and on': [{ match, effect: { kind: 'status', status: 401 } }, /UNAUTHORIZED/],
    'the second page fails': [{ match, skip: 1, effect: { kind: 'status', status: 500 } }, /answer 500/],
    'malformed JSON': [{ match, effect: { kind: 'malformed' } }, /JSON/],
    'a body that breaks off': [{ match, effect: { kind: 'truncate' } }, /aborted|terminated|closed/i],
    'a reset': [{ match, effect: { kind: 'reset' } }, /ECONNRESET|hang up/i],
  }
  for (const [name, [fault, expected]] of Object.entries(cases)) {
    t.test(`${name} is an error, and over when the fault is`, async (t) => {
      const id = registry.faults.add(fault)
      await t.rejects(tags(), { message: expected })
      registry.faults.clear(id)
      t.same(await tags(), ['c', 'b', 'a'])
    })
  }

  t.test('a page without its link hides the rest, and nobody can tell', async (t) => {
    const id = registry.faults.add({ match, count: 1, effect: { kind: 'dropLink' } })
    t.same(await tags(), ['c'])
    registry.faults.clear(id)
  })

  t.test('blobs alone answer 503', async (t) => {
    const id = registry.faults.add({ match: { host: 'blobs' }, effect: { kind: 'status', status: 503 } })
    await t.rejects(blob(), { message: /answer 503/ })
    t.same(await tags(), ['c', 'b', 'a'])
    registry.faults.clear(id)
    t.equal((await blob()).toString(), 'layer of a')
  })

  t.test('the authority fails while tokens are there', async (t) => {
    const id = registry.faults.add({ match: { host: 'entra' }, effect: { kind: 'status', status: 503 } })
    t.same(await tags(), ['c', 'b', 'a'])
    const { client } = await readerClients(registry)
    await t.rejects(client.getRepository('team/app').getProperties(), { message: /endpoints_resolution_error/ })
    registry.faults.clear(id)
  })
})
