import { run } from '../local/run.ts'
import type { Runner } from './call.ts'

/** Asked to end, these finish what they are at and write down how it stands; killed, they leave a lock behind. */
const stoppedInOrder = new Set<string>(['terraform', 'tofu', 'helm'])

/** Runs calls as processes of this machine, found on PATH; a path may stand for a program. */
export function processRunner(signal: AbortSignal, paths: Readonly<Partial<Record<string, string>>> = {}): Runner {
  return ({ program, args, input, env, accept }) =>
    run(paths[program] ?? program, args, {
      signal,
      graceMs: stoppedInOrder.has(program) ? 15 * 60_000 : 10_000,
      ...(input !== undefined && { input }),
      ...(env && { env }),
      ...(accept && { accept }),
    })
}
