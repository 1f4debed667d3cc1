import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import t from 'tap'
import { acrTokens } from './acr-tokens.ts'
import { openKeys } from './keys.ts'
import { repositoryAccess } from './scopes.ts'

t.test('tokens of ACR', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-keys-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const keys = await openKeys(dir)
  let nowMs = Date.UTC(2026, 10, 23)
  const options = {
    key: keys.registry,
    service: 'registry.windlass.test',
    refreshTokenSeconds: 600,
    accessTokenSeconds: 60,
    nowMs: () => nowMs,
  }
  const tokens = acrTokens(options)
  const access = [repositoryAccess('team/app', 'pull')]

  t.test('say what they allow, in the words of ACR', async (t) => {
    t.match(decodeJwt(await tokens.issueAccess('reconciler', access)), {
      iss: 'Azure Container Registry',
      aud: 'registry.windlass.test',
      sub: 'reconciler',
      grant_type: 'access_token',
      access: [{ Type: 'repository', Name: 'team/app', Actions: ['pull'] }],
      exp: nowMs / 1000 + 60,
    })
  })

  t.test('are valid until they expire', async (t) => {
    const token = await tokens.issueAccess('reconciler', access)
    t.same(await tokens.verifyAccess(token), { identity: 'reconciler', access })
    nowMs += 59_000
    t.ok(await tokens.verifyAccess(token))
    nowMs += 1_000
    t.equal(await tokens.verifyAccess(token), undefined)
  })

  t.test('of one kind are none of the other', async (t) => {
    t.equal(await tokens.verifyAccess(await tokens.issueRefresh('reconciler')), undefined)
    t.equal(await tokens.verifyRefresh(await tokens.issueAccess('reconciler', access)), undefined)
    t.equal(await tokens.verifyRefresh(await tokens.issueRefresh('reconciler')), 'reconciler')
  })

  t.test('of another registry or another key are refused', async (t) => {
    const elsewhere = acrTokens({ ...options, service: 'other.windlass.test' })
    t.equal(await tokens.verifyRefresh(await elsewhere.issueRefresh('reconciler')), undefined)
    const forged = acrTokens({ ...options, key: keys.entra })
    t.equal(await tokens.verifyRefresh(await forged.issueRefresh('reconciler')), undefined)
    t.equal(await tokens.verifyRefresh('not a token'), undefined)
  })

  t.test('stay valid over a restart, for the keys are kept', async (t) => {
    const token = await tokens.issueRefresh('reconciler')
    const restarted = acrTokens({ ...options, key: (await openKeys(dir)).registry })
    t.equal(await restarted.verifyRefresh(token), 'reconciler')
  })
})
