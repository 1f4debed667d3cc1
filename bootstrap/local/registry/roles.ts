import { isLoopback } from './config.ts'
import type { RegistryConfig } from './config.ts'
import type { Role } from './control/faults.ts'

export interface RoleOptions {
  readonly hosts: RegistryConfig['hosts']
  readonly tenantId: string
  /** The first part of every path on the blob host. */
  readonly blobPrefix: string
}

/**
 * Which of the three hosts a request is for; undefined for a name that is none of them. A test's client reaches all of
 * them as localhost, where the path tells.
 */
export function roleOf({ hosts, tenantId, blobPrefix }: RoleOptions, host: string, path: string): Role | undefined {
  const name = hostName(host)
  if (name === hosts.registry) return 'registry'
  if (name === hosts.blobs) return 'blobs'
  if (name === hosts.entra) return 'entra'
  if (!isLoopback(name)) return undefined
  if (path.startsWith(blobPrefix)) return 'blobs'
  return path.startsWith(`/${tenantId}/`) ? 'entra' : 'registry'
}

/**
 * Where a client that reached the login server under a name reaches the blob host. On the loopback that is the other
 * of localhost and 127.0.0.1, so that clients see another origin there too and must drop their credentials.
 */
export function blobOriginFor(hosts: RegistryConfig['hosts'], scheme: string, host: string): string {
  const port = host.slice(hostName(host).length)
  const name = hostName(host)
  if (!isLoopback(name)) return `${scheme}://${hosts.blobs}${port}`
  return `${scheme}://${name === 'localhost' ? '127.0.0.1' : 'localhost'}${port}`
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '')
}
