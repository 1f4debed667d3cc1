import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errors } from 'jose'
import type { JWK } from 'jose'
import t from 'tap'
import { temporaryDir, testIssuer } from '../testing.ts'
import { JwksUnavailable, openJwks } from './jwks-source.ts'

const token = { payload: '', signature: '' }
const headerOf = (jwk: JWK) => ({ alg: 'ES256', kid: String(jwk.kid) })

t.test('keys of a file are read when they are first needed, and again for a key that is not known', async (t) => {
  const file = join(await temporaryDir(t), 'jwks.json')
  let nowMs = 0
  const source = openJwks({ file }, () => nowMs)
  t.teardown(() => source.close())
  const first = { ...(await testIssuer()).jwk, kid: 'first' }
  const second = { ...(await testIssuer()).jwk, kid: 'second' }
  await t.rejects(source.key(headerOf(first), token), JwksUnavailable)

  await writeFile(file, JSON.stringify({ keys: [first] }))
  t.ok(await source.key(headerOf(first), token), 'after the file has come')

  await writeFile(file, JSON.stringify({ keys: [first, second] }))
  await t.rejects(source.key(headerOf(second), token), errors.JWKSNoMatchingKey, 'not so soon after the last reading')
  nowMs += 5_000
  t.ok(await source.key(headerOf(second), token))
})

t.test('tokens with invented keys cost no more than one request in a while', async (t) => {
  let asked = 0
  const server = createServer((_request, response) => {
    asked += 1
    response.end(JSON.stringify({ keys: [] }))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => void server.close())
  const source = openJwks({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/openid/v1/jwks` }, () => 0)
  t.teardown(() => source.close())
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await t.rejects(source.key({ alg: 'ES256', kid: `invented-${attempt}` }, token), errors.JWKSNoMatchingKey)
  }
  t.equal(asked, 1)
})

t.test('an answer that is no key set makes the keys unavailable', async (t) => {
  const file = join(await temporaryDir(t), 'jwks.json')
  await writeFile(file, '{}')
  const source = openJwks({ file }, Date.now)
  await t.rejects(source.key({ alg: 'ES256' }, token), {
    name: 'JwksUnavailable',
    message: /it is not a JSON Web Key Set/,
  })
})
