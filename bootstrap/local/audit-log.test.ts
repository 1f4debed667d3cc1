import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { endOfAuditLog, isWrite, readAuditLog, readAuditLogFrom, type AuditEvent } from './audit-log.ts'

const written: AuditEvent = {
  stage: 'ResponseComplete',
  verb: 'patch',
  requestURI: '/apis/apps/v1/namespaces/a/deployments/b?fieldManager=windlass',
  user: { username: 'system:serviceaccount:windlass-system:windlass' },
  responseStatus: { code: 200 },
  requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
  stageTimestamp: '2026-01-01T00:00:00.010000Z',
}

t.test('a write is what the server took and kept', async (t) => {
  t.equal(isWrite(written), true)
  t.equal(isWrite({ ...written, stage: 'RequestReceived' }), false)
  t.equal(isWrite({ ...written, verb: 'get' }), false)
  t.equal(isWrite({ ...written, responseStatus: { code: 409 } }), false)
  t.equal(isWrite({ ...written, requestURI: `${written.requestURI}&dryRun=All` }), false)
})

t.test('a log is read in order, and a half-written last line is left for later', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-audit-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'audit.log')
  const other = { ...written, verb: 'get' }
  await writeFile(file, `${JSON.stringify(written)}\n${JSON.stringify(other)}\n${JSON.stringify(written).slice(0, 40)}`)
  t.same(await readAuditLog(file, () => true), [written, other])
  t.same(await readAuditLog(file, isWrite), [written])
})

t.test('what came since a place in the log is read without what came before', async (t) => {
  const file = join(t.testdir({ 'audit.log': `${JSON.stringify(written)}\n` }), 'audit.log')
  const from = await endOfAuditLog(file)
  t.same(await readAuditLogFrom(file, from), [])
  const other = { ...written, verb: 'get' }
  await appendFile(file, `${JSON.stringify(other)}\n${JSON.stringify(written).slice(0, 40)}`)
  t.same(await readAuditLogFrom(file, from), [other])
})
