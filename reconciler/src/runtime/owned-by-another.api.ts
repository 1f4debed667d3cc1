import t from 'tap'
import { apiVersion, kind } from '../api/delivery.ts'
import { conditionOf, TestLoop } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
await loop.start()

const configMap = 'v1/configmaps/settings'

t.test(
  'of two Deliveries that want one object the first has it, and the other is told and writes nothing',
  async (t) => {
    const web = await loop.deliver('shared')
    web.registry.push({ documents: [workload(web.namespace), settings({ a: '1' })] })
    web.poll()
    await web.release('r1')
    const { spec } = await web.delivery()
    await web.create('windlass.dev/v1alpha1/deliveries', { apiVersion, kind, metadata: { name: 'other' }, spec })

    const otherReady = async () => {
      const other = await web.object('windlass.dev/v1alpha1/deliveries/other')
      return conditionOf(other as unknown as Awaited<ReturnType<typeof web.delivery>>, 'Ready')
    }
    await loop.until(async () => (await otherReady())?.reason === 'OwnedByAnother', 'the other to be told')

    t.match((await otherReady())?.message, new RegExp(`${web.namespace}/web/`))
    t.match(await web.object(configMap), { metadata: { labels: { 'windlass.dev/delivery': 'web' } }, data: { a: '1' } })
  },
)

t.test('what another Delivery has by now is not pruned', async (t) => {
  const web = await loop.deliver('handed-on')
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '1' })] })
  web.poll()
  await web.release('r1')
  web.registry.push({ documents: [workload(web.namespace)] })
  web.poll()
  await web.untilAwaited('r2')
  const owner = `${web.namespace}/other/uid`
  await web.edit(configMap, { metadata: { annotations: { 'windlass.dev/owner': owner } } })

  await web.release('r2')

  t.match(await web.object(configMap), { metadata: { annotations: { 'windlass.dev/owner': owner } } })
})
