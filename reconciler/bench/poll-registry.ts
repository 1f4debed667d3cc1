import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Agent, buildConnector, Pool, type Dispatcher } from 'undici'
import { openAuthority } from '../../bootstrap/local/certificates.ts'
import type { RegistryConfigInput } from '../../bootstrap/local/registry/config.ts'
import { connectRegistryAdmin, type RegistryAdmin } from '../../bootstrap/local/registry/control/admin-client.ts'
import { testIds, testIssuer } from '../../bootstrap/local/registry/testing.ts'
import { ensureTools } from '../../bootstrap/local/tools.ts'
import type { AcrOptions } from '../src/registry/acr.ts'
import { createWorkloadIdentityCredential } from '../src/registry/identity.ts'

/** A registry with the CNCF distribution behind it, in processes of their own: what they use is not ours. */
export interface BenchRegistry {
  readonly host: string
  readonly dispatcher: Dispatcher
  readonly admin: RegistryAdmin
  /** Signs in as the reconciler. */
  readonly reader: AcrOptions['credential']
  /** Signs in as CI. */
  readonly publisher: AcrOptions['credential']
  /** How many tags the distribution itself holds of a repository. */
  countTags(name: string): Promise<number>
  stop(): Promise<void>
}

const hosts = { registry: 'registry.windlass.test', blobs: 'blobs.windlass.test', entra: 'login.windlass.test' }

export async function startBenchRegistry(say: (line: string) => void): Promise<BenchRegistry> {
  const { distribution } = await ensureTools(['distribution'], { onStep: say })
  const dir = await mkdtemp(join(tmpdir(), 'windlass-bench-'))
  const undo = new AsyncDisposableStack()
  undo.defer(() => rm(dir, { recursive: true, force: true }))
  try {
    const issuer = await testIssuer()
    const authority = await openAuthority(dir, 'ca', 'windlass-bench-ca')
    const tls = await authority.issue({ commonName: hosts.registry, dnsNames: Object.values(hosts) })
    const content = join(dir, 'content')
    const config = configOf({ dir, content, distribution, tls, keys: [{ ...issuer.jwk }] })
    const configFile = join(dir, 'config.json')
    await writeFile(configFile, JSON.stringify(config), { mode: 0o600 })
    const { port, child } = await startProcess(configFile)
    undo.defer(() => end(child))

    const connect = buildConnector({ ca: await readFile(join(dir, 'ca.crt'), 'utf8') })
    const dispatcher = new Agent({
      connect: (options, callback) =>
        connect({ ...options, hostname: '127.0.0.1', port: String(port), servername: options.hostname }, callback),
    })
    undo.defer(() => dispatcher.destroy())
    const admin = connectRegistryAdmin({ socket: join(dir, 'admin.sock') })
    undo.defer(() => admin.close())
    const behind = new Pool('http://localhost', { socketPath: join(content, 'registry.sock') })
    undo.defer(() => behind.close())
    return {
      host: hosts.registry,
      dispatcher,
      admin,
      reader: await identity(dir, testIds.clientId, await issuer.token()),
      publisher: await identity(
        dir,
        testIds.publisher.clientId,
        await issuer.token({ sub: testIds.publisher.subject }),
      ),
      countTags: (name) => countTags(behind, name),
      stop: () => undo.disposeAsync(),
    }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

interface ConfigParts {
  readonly dir: string
  readonly content: string
  readonly distribution: string
  readonly tls: { readonly certPem: string; readonly keyPem: string }
  readonly keys: Array<Record<string, unknown>>
}

function configOf({ dir, content, distribution, tls, keys }: ConfigParts): RegistryConfigInput {
  const { issuer, audience, tenantId, clientId, subject, publisher } = testIds
  return {
    hosts,
    listen: { host: '127.0.0.1', port: 0 },
    tls: { certPem: tls.certPem, keyPem: tls.keyPem },
    admin: { socket: join(dir, 'admin.sock') },
    stateDir: join(dir, 'state'),
    distribution: { binary: distribution, directory: content },
    entra: { tenantId, issuers: [{ issuer, jwks: { keys } }] },
    identities: [
      {
        name: 'reconciler',
        clientId,
        federated: { issuer, subject, audience },
        permissions: [{ repository: '*', actions: ['pull', 'metadata_read'] }],
      },
      {
        name: 'publisher',
        clientId: publisher.clientId,
        federated: { issuer, subject: publisher.subject, audience },
        permissions: [{ repository: '*', actions: ['pull', 'push', 'metadata_read'] }],
      },
    ],
  }
}

async function identity(dir: string, clientId: string, token: string): Promise<AcrOptions['credential']> {
  const tokenFilePath = join(dir, `token-${clientId}`)
  await writeFile(tokenFilePath, token, { mode: 0o600 })
  const authorityHost = `https://${hosts.entra}`
  const { tenantId } = testIds
  return (wire) =>
    createWorkloadIdentityCredential(
      { clientId, tenantId, tokenFilePath, authorityHost, disableInstanceDiscovery: true },
      wire,
    )
}

async function startProcess(configFile: string): Promise<{ port: number; child: ChildProcess }> {
  const program = join(import.meta.dirname, '..', '..', 'bootstrap', 'local', 'registry', 'main.ts')
  const child = spawn(process.execPath, [program, '--config', configFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  // Also where something throws that nobody awaits.
  process.once('exit', () => child.kill())
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = JSON.parse(line) as { url?: string }
    if (url === undefined) continue
    child.stdout.resume()
    return { port: Number(new URL(url).port), child }
  }
  throw new Error('the registry ended before it was ready')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags */
async function countTags(behind: Pool, name: string): Promise<number> {
  let count = 0
  let path: string | undefined = `/v2/${name}/tags/list?n=1000`
  while (path !== undefined) {
    const { headers, body, statusCode }: Dispatcher.ResponseData = await behind.request({ method: 'GET', path })
    const { tags } = (await body.json()) as { tags: readonly string[] | null }
    if (statusCode !== 200) throw new Error(`the distribution answered ${statusCode}`)
    count += tags?.length ?? 0
    path = typeof headers['link'] === 'string' ? /<([^>]*)>/.exec(headers['link'])?.[1] : undefined
  }
  return count
}
