import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { LookupFunction } from 'node:net'
import { join } from 'node:path'
import { Agent, type Dispatcher } from 'undici'
import { platform, type LocalCluster } from './backend.ts'
import { writeCertificate } from './certificates.ts'
import { serviceAccountIssuer } from './control-plane.ts'
import { readIfThere } from './files.ts'
import { registryIdentities } from './identities.ts'
import type { RegistryConfigInput } from './registry/config.ts'
import { connectRegistryAdmin, type RegistryAdmin } from './registry/control/admin-client.ts'
import { ensureTools } from './tools.ts'
import { waitFor } from './wait.ts'

/** The cluster's registry, as one sees it from the host. */
export interface RegistryService {
  readonly admin: RegistryAdmin
  readonly ciPassword: string
  /** Resolves the names of registry, blob host and authority to the cluster, and trusts its CA. */
  readonly dispatcher: Dispatcher
  /** A request to the registry's login server under its own name, routed to the cluster. */
  request(path: string, options?: { readonly signal?: AbortSignal }): Promise<Dispatcher.ResponseData>
  /** When that identity first asked for a path that matches; epoch milliseconds, by the registry's log. */
  firstRequestAtMs(user: string, path: string, afterMs: number): Promise<number | undefined>
  close(): Promise<void>
}

interface StartOptions {
  /** Repositories that are delivered from beside the predictor's. */
  readonly delivered?: readonly string[]
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

const processName = 'registry'

/** Starts the registry in the cluster's namespaces, where it stays up with the cluster. */
export async function startRegistry(cluster: LocalCluster, options: StartOptions = {}): Promise<RegistryService> {
  const { signal, onStep } = options
  const dir = registryDir(cluster)
  const { distribution } = await ensureTools(['distribution'], options)
  onStep?.('starting the registry')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const configFile = join(dir, 'config.json')
  await writeFile(configFile, JSON.stringify(await configOf(cluster, dir, { ...options, distribution })), {
    mode: 0o600,
  })
  const program = join(import.meta.dirname, 'registry', 'main.ts')
  const started = await cluster.startProcess(processName, process.execPath, [program, '--config', configFile])

  const service = await openRegistry(cluster)
  await waitFor(
    async () => (await service.admin.isReady()) || undefined,
    async () => `the registry does not answer:\n${(await readFile(started.logFile, 'utf8')).slice(-2_000)}`,
    { timeoutMs: 30_000, ...(signal && { signal }) },
  )
  return service
}

/** The registry of a cluster in which it was started, by this process or another. */
export async function openRegistry(cluster: LocalCluster): Promise<RegistryService> {
  const dir = registryDir(cluster)
  const admin = connectRegistryAdmin({ socket: adminSocket(dir) })
  // Names that only the cluster resolves: from the host the same name leads to the node's address.
  const agent = new Agent({
    connect: { ca: await readFile(cluster.caFile, 'utf8'), lookup: lookupOf(cluster.nodeIp) },
    headersTimeout: 10_000,
  })
  return {
    admin,
    ciPassword: await passwordOf(dir),
    dispatcher: agent,
    request: (path, { signal } = {}) =>
      agent.request({
        origin: `https://${platform.registryHost}:${platform.registryPort}`,
        path,
        method: 'GET',
        ...(signal && { signal }),
      }),
    firstRequestAtMs: async (user, path, afterMs) =>
      (await admin.requests({ user, path })).find(({ atMs }) => atMs >= afterMs)?.atMs,
    close: async () => {
      await admin.close()
      await agent.destroy()
    },
  }
}

function registryDir({ stateDir }: Pick<LocalCluster, 'stateDir'>): string {
  return join(stateDir, 'registry-service')
}

function adminSocket(dir: string): string {
  return join(dir, 'admin.sock')
}

async function configOf(
  cluster: LocalCluster,
  dir: string,
  { distribution, delivered, signal }: StartOptions & { readonly distribution: string },
): Promise<RegistryConfigInput> {
  const names = [platform.registryHost, platform.blobHost, platform.entraHost]
  const server = await cluster.issueCertificate({
    commonName: platform.registryHost,
    dnsNames: names,
    ipAddresses: [cluster.nodeIp],
  })
  const tls = await writeCertificate(dir, 'server', server)
  return {
    hosts: { registry: platform.registryHost, blobs: platform.blobHost, entra: platform.entraHost },
    listen: { host: cluster.nodeIp, port: platform.registryPort },
    tls,
    admin: { socket: adminSocket(dir) },
    stateDir: dir,
    distribution: { binary: distribution, directory: join(dir, 'content') },
    entra: {
      tenantId: platform.tenantId,
      issuers: [
        {
          issuer: serviceAccountIssuer,
          jwks: await cluster.issuerKeys(dir, signal),
        },
      ],
    },
    identities: registryIdentities(cluster, await passwordOf(dir), delivered),
  }
}

/** CI's password: drawn once a cluster, kept where only its owner reads. */
async function passwordOf(dir: string): Promise<string> {
  const file = join(dir, 'ci-password')
  const drawn = await readIfThere(file)
  if (drawn !== undefined) return drawn
  const password = randomBytes(24).toString('base64url')
  await writeFile(file, password, { mode: 0o600 })
  return password
}

function lookupOf(address: string): LookupFunction {
  return (_hostname, { all }, done) => {
    if (all) done(null, [{ address, family: 4 }])
    else done(null, address, 4)
  }
}
