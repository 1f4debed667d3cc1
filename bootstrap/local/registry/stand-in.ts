import { mkdir, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import type { AppOptions } from './app.ts'
import { acrTokens } from './auth/acr-tokens.ts'
import { identitiesOf } from './auth/identities.ts'
import { openKeys } from './auth/keys.ts'
import { isLoopback, parseConfig } from './config.ts'
import type { RegistryConfig, RegistryConfigInput } from './config.ts'
import { blobUrls } from './content/blob-urls.ts'
import { startDistribution } from './content/distribution.ts'
import type { Distribution } from './content/distribution.ts'
import { openUpstream } from './content/upstream.ts'
import { buildAdmin } from './control/admin.ts'
import type { AdminAddress } from './control/admin-client.ts'
import { Faults } from './control/faults.ts'
import { RequestLog } from './control/request-log.ts'
import { entraTokens } from './entra/entra-tokens.ts'
import { openJwks } from './entra/jwks-source.ts'
import { openStore } from './metadata/store.ts'

export interface RegistryStandIn {
  /** Where it listens, e.g. `https://localhost:43123`; by its loopback name where it listens on one. */
  readonly url: string
  readonly port: number
  readonly faults: Faults
  readonly requests: RequestLog
  /** Where the admin API listens, where it was asked for. */
  readonly admin: AdminAddress | undefined
  /** Of the distribution that was started with it. */
  readonly distributionPid: number | undefined
  /** Settles when the distribution that was started with it ends before `stop`, with how; never otherwise. */
  readonly failed: Promise<string>
  stop(): Promise<void>
}

export interface StandInOptions {
  readonly logger?: FastifyBaseLogger
  /** Epoch milliseconds: the clock of tokens, signatures and recorded times. */
  readonly nowMs?: () => number
  readonly signal?: AbortSignal
}

/**
 * Starts a registry that speaks Azure Container Registry's API, with Entra ID's token endpoint, in this process.
 * What it answers, and from which document, stands at each part; what the documents leave open, in README.md.
 * Throws ConfigError.
 */
export async function startRegistryStandIn(
  input: RegistryConfigInput,
  options: StandInOptions = {},
): Promise<RegistryStandIn> {
  const config = parseConfig(input)
  const logger = options.logger ?? pino({ level: 'silent' })
  const nowMs = options.nowMs ?? Date.now
  const undo = new AsyncDisposableStack()
  try {
    await mkdir(config.stateDir, { recursive: true })
    const distribution = await distributionOf(config, options.signal)
    undo.defer(() => distribution?.stop())
    const faults = new Faults()
    const requests = new RequestLog()
    const app = buildApp({ ...(await partsOf(config, distribution, nowMs, undo)), faults, requests, logger })
    const admin = buildAdmin(faults, requests)
    undo.defer(() => app.close())
    // Before the server is closed, which waits for those who stall.
    undo.defer(() => faults.clearAll())
    undo.defer(() => admin.close())
    await app.listen(config.listen)
    const adminAddress = config.admin && (await listenAdmin(admin, config.admin))
    const { port } = app.server.address() as AddressInfo
    const host = isLoopback(config.listen.host) ? 'localhost' : config.listen.host
    return {
      url: `${config.tls ? 'https' : 'http'}://${host}:${port}`,
      port,
      faults,
      requests,
      admin: adminAddress,
      distributionPid: distribution?.pid,
      failed: distribution?.failed ?? new Promise(() => undefined),
      stop: () => undo.disposeAsync(),
    }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

async function distributionOf(config: RegistryConfig, signal?: AbortSignal): Promise<Distribution | undefined> {
  if ('url' in config.distribution) return undefined
  return startDistribution({ ...config.distribution, ...(signal && { signal }) })
}

/** What is made of the configuration; whatever must be closed is put on `undo`. */
async function partsOf(
  config: RegistryConfig,
  distribution: Distribution | undefined,
  nowMs: () => number,
  undo: AsyncDisposableStack,
): Promise<Pick<AppOptions, 'hosts' | 'tls' | 'login' | 'authority'>> {
  const { hosts, lifetimes, entra } = config
  const keys = await openKeys(config.stateDir)
  const upstream = openUpstream(distribution ?? (config.distribution as { url: string }))
  undo.defer(() => upstream.close())
  const { attributesMoveUpdateTime } = config
  const store = await openStore(config.stateDir, { nowMs, attributesMoveUpdateTime })
  undo.defer(() => store.close())
  const identities = identitiesOf(config.identities)
  const jwks = new Map(entra.issuers.map(({ issuer, jwks }) => [issuer, openJwks(jwks, nowMs)]))
  undo.defer(async () => void (await Promise.all([...jwks.values()].map((source) => source.close()))))
  const issued = entraTokens({
    key: keys.entra,
    issuer: `https://${hosts.entra}/${entra.tenantId}/v2.0`,
    tenantId: entra.tenantId,
    lifetimeSeconds: lifetimes.entraTokenSeconds,
    nowMs,
  })
  return {
    hosts,
    tls: config.tls && (await readTls(config.tls)),
    login: {
      service: hosts.registry,
      identities,
      tokens: acrTokens({ key: keys.registry, service: hosts.registry, ...lifetimes, nowMs }),
      entraTokens: issued,
      upstream,
      store,
      hasReferrersApi: config.referrers.api,
      referrersPageSize: config.referrers.pageSize,
      urls: blobUrls({
        secret: keys.blobSecret,
        registry: hosts.registry,
        lifetimeSeconds: lifetimes.blobUrlSeconds,
        nowMs,
      }),
    },
    authority: {
      federation: { identities, jwks, tenantId: entra.tenantId, nowMs },
      entraTokens: issued,
      key: keys.entra,
    },
  }
}

async function readTls(tls: NonNullable<RegistryConfig['tls']>): Promise<{ cert: string; key: string }> {
  if ('certPem' in tls) return { cert: tls.certPem, key: tls.keyPem }
  const [cert, key] = await Promise.all([readFile(tls.certFile, 'utf8'), readFile(tls.keyFile, 'utf8')])
  return { cert, key }
}

async function listenAdmin(admin: FastifyInstance, address: AdminAddress): Promise<AdminAddress> {
  if ('port' in address) {
    await admin.listen({ host: '127.0.0.1', port: address.port })
    return { port: (admin.server.address() as AddressInfo).port }
  }
  // Left by a process that was killed, it would keep this one from listening.
  await rm(address.socket, { force: true })
  await admin.listen({ path: address.socket })
  return address
}
