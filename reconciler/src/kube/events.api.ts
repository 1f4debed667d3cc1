import { randomBytes } from 'node:crypto'
import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import { waitFor } from '../../../bootstrap/local/wait.ts'
import { systemClock } from '../runtime/clock.ts'
import { createEventWriter } from './events.ts'
import type { KubeObject } from './ports.ts'
import { testCluster } from './test-cluster.ts'

t.setTimeout(120_000)
const server = await sharedApiServer(t)
const cluster = testCluster(t, server)

t.test(
  'Events are there for kubectl, by these rights alone, also those of an object without a namespace',
  async (t) => {
    const namespace = await cluster.namespace('events')
    const rules = [{ apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] }]
    const account = await cluster.tenant(namespace, 'reconciler', rules)
    await cluster.grant(account, 'default', rules)
    // The step after the first minute is taken at once.
    let skippedMs = 0
    const wakes = new Set<() => void>()
    const clock = {
      ...systemClock,
      monotonicMs: () => performance.now() + skippedMs,
      sleep: (ms: number, signal: AbortSignal) => {
        const wake = new AbortController()
        wakes.add(() => wake.abort())
        return systemClock.sleep(ms, AbortSignal.any([signal, wake.signal])).catch((error: unknown) => {
          if (!wake.signal.aborted) throw error
        })
      },
    }
    const lost: unknown[] = []
    const writer = createEventWriter({
      client: await cluster.clientOf(account),
      clock,
      instance: 'windlass-0',
      newSuffix: () => randomBytes(5).toString('hex'),
      hooks: { lost: (...loss) => lost.push(loss) },
    })
    const stop = new AbortController()
    const running = writer.run(stop.signal)
    const map = await cluster.create(`/api/v1/namespaces/${namespace}/configmaps`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `${'long-'.repeat(39)}name-${'x'.repeat(40)}` },
    })
    const space = await cluster.admin.request<KubeObject>({
      method: 'GET',
      path: `/api/v1/namespaces/${namespace}`,
      what: 'read',
      signal: cluster.signal,
    })
    const event = { type: 'Warning', reason: 'ApplyRefused', action: 'Apply', note: 'it was refused' } as const
    writer.emit({ ...event, regarding: map })
    writer.emit({ ...event, regarding: space })
    const listed = async (inNamespace: string, name: string) => {
      const list = await cluster.admin.request<{ items: KubeObject[] }>({
        method: 'GET',
        path: `/api/v1/namespaces/${inNamespace}/events`,
        query: { fieldSelector: `involvedObject.name=${name}` },
        what: 'list Events',
        signal: cluster.signal,
      })
      return list.items
    }
    const until = (what: string, check: () => Promise<boolean>) =>
      waitFor(
        async () => (await check()) || undefined,
        () => `${what}; lost: ${JSON.stringify(lost)}`,
        { timeoutMs: 60_000, everyMs: 20 },
      )
    await until('both Events', async () => {
      const found = [await listed(namespace, map.metadata.name), await listed('default', namespace)]
      return found.every(({ length }) => length === 1)
    })
    t.match((await listed(namespace, map.metadata.name))[0], {
      type: 'Warning',
      reason: 'ApplyRefused',
      message: 'it was refused',
      involvedObject: { kind: 'ConfigMap', namespace, uid: map.metadata.uid },
      reportingComponent: 'windlass.dev/reconciler',
      reportingInstance: 'windlass-0',
    })
    for (let i = 0; i < 3; i += 1) writer.emit({ ...event, regarding: map })
    skippedMs += 60_000
    for (const wake of wakes) wake()
    await until('the series', async () => {
      const [first] = await listed(namespace, map.metadata.name)
      return (first?.['series'] as { count?: number } | undefined)?.count === 4
    })
    stop.abort()
    await running
    t.same(lost, [])
  },
)
