import { parseRepository } from '../core/image-reference.ts'
import type { CommandPorts } from './ports.ts'
import { CommandRefused } from './refused.ts'

/**
 * The registry's refresh token. `az acr login` would first look the registry up among the identity's subscriptions, and
 * CI's identity has none.
 */
export async function registryPassword(host: string, { connect, signal }: CommandPorts): Promise<string> {
  const parsed = parseRepository(`${host}/any`)
  if (parsed.kind === 'invalid' || parsed.value.registry !== host) {
    throw new CommandRefused([`"${host}" is not the host of a registry, as contoso.azurecr.io is`])
  }
  return connect(host).tokens.refreshToken(signal)
}
