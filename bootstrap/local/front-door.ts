import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openAuthority, type CertificateAuthority } from './certificates.ts'

/** Certificate file of the CA of registry, blob host and Entra ID stand-in: what pods and the node are told to trust. */
export async function frontDoorCaFile(stateDir: string): Promise<string> {
  await frontDoorAuthority(stateDir)
  return join(frontDoorDir(stateDir), `${frontDoorCa}.crt`)
}

/** That CA, made the first time; `stateDir` is the cluster's. */
export async function frontDoorAuthority(stateDir: string): Promise<CertificateAuthority> {
  const dir = frontDoorDir(stateDir)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  return openAuthority(dir, frontDoorCa, 'windlass local registry CA')
}

const frontDoorCa = 'ca'

function frontDoorDir(stateDir: string): string {
  return join(stateDir, 'registry')
}
