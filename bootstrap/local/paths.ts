import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Where things live outside the checkout, by the XDG base directory specification.
 * What can be made again is cached; what describes running clusters is state.
 */
export function cacheDir(...parts: readonly string[]): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'windlass', ...parts)
}

/** State of the clusters that this user has brought up; see {@link cacheDir}. */
export function stateDir(...parts: readonly string[]): string {
  return join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'windlass', ...parts)
}
