import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { AuditEvent } from '../local/audit-log.ts'
import { beginQuiet, deliveredWrites, describeWrite, podOf, writesInQuiet } from './delivered-writes.ts'

const at = (ms: number) => new Date(ms).toISOString()

function event(change: Partial<AuditEvent> & { readonly atMs?: number } = {}): AuditEvent {
  const { atMs = Date.now(), ...rest } = change
  return {
    stage: 'ResponseComplete',
    verb: 'patch',
    requestURI: '/apis/apps/v1/namespaces/predictor/deployments/predictor',
    user: {
      username: 'system:serviceaccount:windlass-system:windlass',
      extra: { 'authentication.kubernetes.io/pod-name': ['windlass-a'] },
    },
    impersonatedUser: { username: 'system:serviceaccount:predictor:predictor-deployer' },
    objectRef: { resource: 'deployments', namespace: 'predictor', name: 'predictor' },
    responseStatus: { code: 200 },
    requestReceivedTimestamp: at(atMs),
    stageTimestamp: at(atMs + 5),
    ...rest,
  }
}

async function append(file: string, ...events: readonly AuditEvent[]): Promise<void> {
  await appendFile(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
}

t.test('a write of what is delivered counts, whoever made it; status and all else does not', async (t) => {
  const file = join(t.testdir({ log: '' }), 'log')
  const byHand = event({ user: { username: 'windlass-admin' } })
  await append(
    file,
    event(),
    byHand,
    event({ objectRef: { resource: 'deployments', subresource: 'status', namespace: 'predictor', name: 'predictor' } }),
    event({ objectRef: { resource: 'deployments', namespace: 'other', name: 'predictor' } }),
    event({ objectRef: { resource: 'events', namespace: 'predictor', name: 'x' } }),
    event({ verb: 'get' }),
    event({ responseStatus: { code: 409 } }),
  )
  const writes = await deliveredWrites(file, 0)
  t.equal(writes.length, 2)
  t.match(writes.map(podOf), ['windlass-a', undefined])
  t.equal(describeWrite(event()), 'patch deployments/predictor')
})

t.test("a quiet time is broken by the reconciler's writes within it alone", async (t) => {
  const file = join(t.testdir({ log: '' }), 'log')
  await append(file, event())
  const quiet = await beginQuiet(file)
  await append(file, event({ atMs: quiet.fromMs - 1 }), event({ user: { username: 'windlass-admin' } }))
  t.same(await writesInQuiet(file, quiet), [], 'before it, or by another hand')

  const broken = event({ atMs: quiet.fromMs })
  await append(file, broken)
  t.same(await writesInQuiet(file, quiet), [broken])

  const next = event({ atMs: quiet.fromMs + 60_000 })
  await append(file, next)
  quiet.untilMs = quiet.fromMs + 60_000
  t.same(await writesInQuiet(file, quiet), [broken], 'what comes once it is over does not count')
})
