import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { platform as names } from '../../bootstrap/local/backend.ts'
import { authorityHost, ciIdentity, tokenAudience } from '../../bootstrap/local/identities.ts'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { defaultAudience, defaultLimits } from '../src/registry/acr.ts'
import { createWorkloadIdentityCredential } from '../src/registry/identity.ts'
import { RegistryConnection } from '../src/registry/registry-connection.ts'

// CI is not what is measured, and shares no budget with it.
const unlimited = {
  ...defaultLimits,
  requests: { perMinute: 6_000_000, burst: 100_000 },
  referrers: { perMinute: 6_000_000, burst: 100_000 },
  concurrency: 32,
  timeoutMs: 60_000,
}

/** A connection to the platform's registry as CI has it, by a token of its service account; both end with the work. */
export async function asCi<T>(
  { cluster, registry }: Platform,
  signal: AbortSignal,
  work: (connection: RegistryConnection) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-bench-'))
  const lifetime = new AbortController()
  try {
    const { namespace, serviceAccount, clientId } = ciIdentity
    const account = ['--namespace', namespace, 'create', 'token', serviceAccount]
    const bounds = ['--audience', tokenAudience, '--duration', '24h']
    const { stdout } = await cluster.exec('kubectl', [...account, ...bounds], { signal })
    const tokenFilePath = join(dir, 'token')
    await writeFile(tokenFilePath, stdout.trim(), { mode: 0o600 })
    const identity = {
      clientId,
      tenantId: names.tenantId,
      tokenFilePath,
      authorityHost,
      disableInstanceDiscovery: true,
    }
    return await work(
      new RegistryConnection({
        registry: names.registryHost,
        credential: (wire) => createWorkloadIdentityCredential(identity, wire),
        dispatcher: registry.dispatcher,
        lifetime: lifetime.signal,
        limits: unlimited,
        audience: defaultAudience,
      }),
    )
  } finally {
    lifetime.abort()
    await rm(dir, { recursive: true, force: true })
  }
}
