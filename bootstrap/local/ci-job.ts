import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platform as names, type LocalCluster } from './backend.ts'
import { checkout } from './checkout.ts'
import { authorityHost, ciIdentity, tokenAudience } from './identities.ts'
import type { Platform } from './platform.ts'

/**
 * Runs the command line that CI runs, as the identity that CI has: a token that is federated with the registry, and no
 * right in the cluster. The token ends with the work.
 */
export async function asCiJob<T>(
  { cluster }: Pick<Platform<LocalCluster>, 'cluster'>,
  signal: AbortSignal | undefined,
  work: (windlass: (args: readonly string[]) => Promise<string>) => Promise<T>,
): Promise<T> {
  // Where the cluster's own programs can read it, which may have no other folder of this machine.
  const dir = await mkdtemp(join(cluster.stateDir, 'ci-'))
  const bounds = signal && { signal }
  try {
    const { namespace, serviceAccount, clientId } = ciIdentity
    const tokenFile = join(dir, 'token')
    const { stdout } = await cluster.exec(
      'kubectl',
      ['--namespace', namespace, 'create', 'token', serviceAccount, '--audience', tokenAudience, '--duration', '10m'],
      bounds,
    )
    await writeFile(tokenFile, stdout.trim(), { mode: 0o600 })
    const command = join(checkout, 'reconciler', 'src', 'cli', 'windlass.ts')
    const env = {
      AZURE_AUTHORITY_HOST: authorityHost,
      AZURE_TENANT_ID: names.tenantId,
      AZURE_CLIENT_ID: clientId,
      AZURE_FEDERATED_TOKEN_FILE: tokenFile,
      NODE_EXTRA_CA_CERTS: cluster.caFile,
    }
    return await work(async (args) => {
      const answer = await cluster.exec(process.execPath, [command, ...args], { ...bounds, env })
      return answer.stdout.trim()
    })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
