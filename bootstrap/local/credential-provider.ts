import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { platform, type PullCredential } from './backend.ts'

/**
 * The kubelet asks a program for credentials, as AKS's nodes do; ours has but one answer.
 * https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/
 */
export async function writeCredentialProvider(
  dir: string,
  credential: PullCredential,
): Promise<{ readonly configFile: string; readonly binDir: string }> {
  const name = 'windlass-credential-provider'
  const apiVersion = 'credentialprovider.kubelet.k8s.io/v1'
  const binDir = join(dir, 'bin')
  const responseFile = join(dir, 'pull-credential.json')
  await mkdir(binDir, { recursive: true })
  await writeFile(
    responseFile,
    JSON.stringify({
      apiVersion,
      kind: 'CredentialProviderResponse',
      cacheKeyType: 'Registry',
      auth: { [platform.registryHost]: credential },
    }),
    { mode: 0o600 },
  )
  const program = join(binDir, name)
  await writeFile(program, `#!/bin/sh\ncat >/dev/null\nexec cat '${responseFile.replaceAll("'", `'\\''`)}'\n`)
  await chmod(program, 0o755)
  const configFile = join(dir, 'credential-providers.yaml')
  await writeFile(
    configFile,
    stringify({
      apiVersion: 'kubelet.config.k8s.io/v1',
      kind: 'CredentialProviderConfig',
      providers: [{ name, apiVersion, matchImages: [platform.registryHost], defaultCacheDuration: '1h' }],
    }),
  )
  return { configFile, binDir }
}
