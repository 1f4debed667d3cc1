import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from './backend.ts'

/** Writes containerd's trust in the registry into a folder of its `config_path`. */
export async function writeRegistryHosts(certs: string, registryCaFile: string): Promise<void> {
  const registry = join(certs, platform.registryHost)
  await mkdir(registry, { recursive: true })
  await writeFile(join(registry, 'hosts.toml'), registryHosts(registryCaFile))
}

/**
 * What the host answers with 404 is asked of the server again, which is the same one and needs to be trusted too.
 * https://github.com/containerd/containerd/blob/main/docs/hosts.md
 */
function registryHosts(caFile: string): string {
  const url = `https://${platform.registryHost}`
  return `server = ${quote(url)}
ca = ${quote(caFile)}

[host.${quote(url)}]
  capabilities = ["pull", "resolve"]
  ca = ${quote(caFile)}
`
}

/** A TOML basic string; JSON's escapes are among TOML's. */
export function quote(text: string): string {
  return JSON.stringify(text)
}
