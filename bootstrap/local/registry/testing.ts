import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import type { Test } from 'tap'
import { Agent } from 'undici'
import { openAuthority } from '../certificates.ts'
import type { RegistryConfigInput } from './config.ts'
import { startRegistryStandIn } from './stand-in.ts'
import type { RegistryStandIn, StandInOptions } from './stand-in.ts'

/** What a test's registry is configured with, unless the test says otherwise. */
export const testIds = {
  tenantId: '11111111-2222-4333-8444-555555555555',
  clientId: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
  issuer: 'https://kubernetes.default.svc.cluster.local',
  subject: 'system:serviceaccount:windlass-system:windlass-reconciler',
  audience: 'api://AzureADTokenExchange',
  /** Of an identity that may do everything, as CI. */
  publisher: {
    clientId: 'aaaaaaaa-bbbb-4ccc-8ddd-ffffffffffff',
    subject: 'system:serviceaccount:ci:publisher',
  },
  /** May only pull. */
  puller: { username: 'kubelet', password: 'kubelet-secret' },
  /** May do everything. */
  pusher: { username: 'ci', password: 'ci-secret' },
} as const

export interface TestRegistry extends RegistryStandIn {
  readonly caPem: string
  readonly caFile: string
  /** Trusts the registry's certificate. */
  readonly dispatcher: Agent
  readonly issuer: TestIssuer
  /** The folder of everything that belongs to this registry. */
  readonly dir: string
  readonly config: RegistryConfigInput
}

export interface TestIssuer {
  readonly jwk: JWK
  /** A service account token as the API server projects it, with claims to replace; good for an hour. */
  token(claims?: Readonly<Record<string, unknown>>): Promise<string>
}

/**
 * A registry over TLS on a free port of the loopback, which ends with the test. Without a distribution behind it, for
 * whatever needs no content; testing-content.ts starts one.
 */
export async function startTestRegistry(
  t: Test,
  overrides: Partial<RegistryConfigInput> = {},
  options: StandInOptions = {},
): Promise<TestRegistry> {
  const dir = await temporaryDir(t)
  const authority = await openAuthority(dir, 'ca', 'windlass-test-ca')
  const caFile = join(dir, 'ca.crt')
  const { certPem, keyPem } = await authority.issue({
    commonName: 'registry.windlass.test',
    dnsNames: ['localhost', 'registry.windlass.test', 'blobs.windlass.test', 'login.windlass.test', 'elsewhere.test'],
    ipAddresses: ['127.0.0.1'],
  })
  const issuer = await testIssuer()
  const config = { ...testConfig(dir, issuer), tls: { certPem, keyPem }, ...overrides }
  const registry = await startRegistryStandIn(config, options)
  t.teardown(() => registry.stop())
  const dispatcher = new Agent({ connect: { ca: authority.certPem } })
  t.teardown(() => dispatcher.destroy())
  return { ...registry, caPem: authority.certPem, caFile, dispatcher, issuer, dir, config }
}

/** An issuer of service account tokens, with a key of its own. */
export async function testIssuer(): Promise<TestIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  return {
    jwk: { ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256' },
    token: (claims) => sign(privateKey, claims),
  }
}

export async function temporaryDir(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-registry-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

function testConfig(dir: string, issuer: TestIssuer): RegistryConfigInput {
  const everything = ['pull', 'push', 'metadata_read', 'metadata_write', 'delete'] as const
  return {
    hosts: { registry: 'registry.windlass.test', blobs: 'blobs.windlass.test', entra: 'login.windlass.test' },
    stateDir: join(dir, 'state'),
    // The discard port of the loopback, where nothing listens.
    distribution: { url: 'http://127.0.0.1:9' },
    entra: {
      tenantId: testIds.tenantId,
      issuers: [{ issuer: testIds.issuer, jwks: { keys: [{ ...issuer.jwk }] } }],
    },
    identities: [
      {
        name: 'reconciler',
        clientId: testIds.clientId,
        federated: { issuer: testIds.issuer, subject: testIds.subject, audience: testIds.audience },
        permissions: [{ repository: 'team/*', actions: ['pull', 'metadata_read'] }],
      },
      {
        name: 'publisher',
        clientId: testIds.publisher.clientId,
        federated: { issuer: testIds.issuer, subject: testIds.publisher.subject, audience: testIds.audience },
        catalog: true,
        permissions: [{ repository: '*', actions: everything }],
      },
      { name: 'kubelet', ...testIds.puller, permissions: [{ repository: '*', actions: ['pull'] }] },
      { name: 'ci', ...testIds.pusher, catalog: true, permissions: [{ repository: '*', actions: everything }] },
    ],
  }
}

function sign(key: CryptoKey, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({
    iss: testIds.issuer,
    sub: testIds.subject,
    aud: [testIds.audience],
    iat: now,
    nbf: now,
    exp: now + 3600,
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'test' })
    .sign(key)
}
