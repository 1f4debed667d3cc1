import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import { waitFor } from '../../../bootstrap/local/wait.ts'
import { systemClock } from '../runtime/clock.ts'
import { createPodSource } from './pods.ts'
import { testCluster } from './test-cluster.ts'
import { deployment } from './test-objects.ts'
import { createWatchSource } from './watch.ts'

t.setTimeout(120_000)
const server = await sharedApiServer(t)
const cluster = testCluster(t, server)

t.test('the pods of a workload, and no others, are watched as the tenant', async (t) => {
  const namespace = await cluster.namespace('pods')
  const tenant = await cluster.tenant(namespace, 'deployer', [
    { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
  ])
  const pods = `/api/v1/namespaces/${namespace}/pods`
  await cluster.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'default' } })
  const create = (name: string, labels: object) =>
    cluster.create(pods, { metadata: { name, labels }, spec: { containers: [{ name: 'main', image: 'a:1' }] } })
  await create('other', { app: 'other' })
  await create('one', { app: 'web', track: 'stable' })

  const watches = createWatchSource({
    client: cluster.admin,
    clock: systemClock,
    random: Math.random,
    hooks: { restarted: () => {}, bug: (_, error) => t.error(error) },
  })
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'track', operator: 'In', values: ['stable', 'canary'] }],
  }
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const events: string[] = []
  const watch = createPodSource({ client: cluster.admin, watches }).watchPods(
    deployment(namespace, 'web', 'a:1', { selector }),
    tenant,
    (event) => events.push(event.type === 'synced' ? event.type : `${event.type} ${event.object.metadata.name}`),
    stop.signal,
  )
  await watch.synced
  await create('two', { app: 'web', track: 'canary' })
  await create('three', { app: 'web', track: 'none' })
  await cluster.admin.request({ method: 'DELETE', path: `${pods}/one`, what: 'delete', signal: cluster.signal })
  await waitFor(
    async () => events.includes('deleted one') || undefined,
    () => `the deletion; there came ${events.join(', ')}`,
    { timeoutMs: 60_000, everyMs: 10 },
  )
  // A pod is told to end before it is gone.
  const comings = events.filter((event) => !event.startsWith('modified'))
  t.same(comings, ['added one', 'synced', 'added two', 'deleted one'])
})
