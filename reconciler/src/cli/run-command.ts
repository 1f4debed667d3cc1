import { Agent } from 'undici'
import { AppError } from '../core/errors.ts'
import { defaultAudience, defaultLimits } from '../registry/acr.ts'
import { RegistryConnection } from '../registry/registry-connection.ts'
import { credentialFrom } from './credential.ts'
import type { CommandPorts } from './ports.ts'
import { CommandRefused } from './refused.ts'
import { withRetries } from './retry.ts'

/** A part of a layer is four megabytes, which a slow line takes its time for. */
const limits = { ...defaultLimits, timeoutMs: 120_000 }

/** Runs a command as CI's identity; what it answers is printed on stdout, all else on stderr. */
export async function runCommand(action: (ports: CommandPorts) => Promise<string | undefined>): Promise<void> {
  const controller = new AbortController()
  const dispatcher = new Agent()
  const stop = () => controller.abort(new Error('interrupted'))
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const { signal } = controller
  const connect = (registry: string) =>
    new RegistryConnection({
      registry,
      credential: credentialFrom(process.env),
      dispatcher,
      lifetime: signal,
      limits,
      audience: process.env['WINDLASS_REGISTRY_AUDIENCE'] ?? defaultAudience,
    })
  try {
    const answer = await withRetries(() => action({ connect, say, signal }), say, signal)
    if (answer !== undefined) process.stdout.write(`${answer}\n`)
  } catch (error) {
    process.exitCode = 1
    report(error)
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
    await dispatcher.destroy()
  }
}

function report(error: unknown): void {
  if (error instanceof CommandRefused) {
    for (const problem of error.problems) say(problem)
  } else if (error instanceof AppError) {
    say(`${error.reason}: ${error.message}`)
  } else if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    say(error.message)
  } else {
    throw error
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
