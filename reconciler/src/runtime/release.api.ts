import t from 'tap'
import { conditionOf, TestLoop } from './test-loop.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
await loop.start()

t.test('a push is rolled out with its image pinned by digest, and becomes current when it is ready', async (t) => {
  const web = await loop.deliver('first-release')
  await web.untilReason('WaitingForFirstTag')
  const { digest } = loop.registry.push()

  loop.poll()
  const delivery = await web.release('r1')

  t.match(delivery.status, {
    current: { tag: 'r1', digest, sequence: 1 },
    highWater: { tag: 'r1', digest },
    summary: { running: 'r1', state: 'Ready' },
    history: [{ tag: 'r1', outcome: 'Ready' }],
    inventory: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', hash: /^[0-9a-f]{64}$/ }],
  })
  t.equal(conditionOf(delivery, 'Ready')?.status, 'True')
  t.match(await web.object('apps/v1/deployments/web'), {
    metadata: {
      labels: { 'windlass.dev/delivery': 'web' },
      annotations: { 'windlass.dev/owner': `${web.namespace}/web/${delivery.metadata.uid}` },
    },
    spec: { template: { spec: { containers: [{ image: `contoso.azurecr.io/web:r1@${digest}` }] } } },
  })
})
