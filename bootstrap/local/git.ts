import { realpath } from 'node:fs/promises'
import { run } from './run.ts'

/**
 * What git says of a checkout. Root may read one that its user owns, which git refuses by itself for what the checkout's
 * own configuration could make it run: the one program that reading would run is turned off.
 */
export async function git(root: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const trusted = ['-c', `safe.directory=${await realpath(root)}`, '-c', 'core.fsmonitor=false', '-C', root]
  const { stdout } = await run('git', [...trusted, ...args], signal && { signal })
  return stdout.trim()
}
