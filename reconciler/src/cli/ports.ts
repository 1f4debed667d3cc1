import type { RegistryConnection } from '../registry/registry-connection.ts'

export interface CommandPorts {
  readonly connect: (registry: string) => RegistryConnection
  /** For a person who follows along. */
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}
