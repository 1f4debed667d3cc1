import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CommandFailed } from '../local/run.ts'
import { commandLine, type Call, type Runner } from './call.ts'
import type { Mask } from './mask.ts'

/** One line of the log: what was run and what it answered, without secrets. It is what a recording for tests holds. */
export interface LoggedCall {
  readonly at: string
  readonly command: string
  readonly ms: number
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/**
 * Writes each call, as one JSON line, to a file that its owner alone may read, and hides secrets also in the error
 * that a failing call rejects with.
 */
export function logCalls(run: Runner, { file, mask }: { readonly file: string; readonly mask: Mask }): Runner {
  const write = async (call: Call, startedAt: number, result: Omit<LoggedCall, 'at' | 'command' | 'ms'>) => {
    const line: LoggedCall = {
      at: new Date().toISOString(),
      command: mask(commandLine(call)),
      ms: Math.round(performance.now() - startedAt),
      exitCode: result.exitCode,
      stdout: call.isSecret ? `(${result.stdout.length} characters)` : mask(result.stdout),
      stderr: mask(result.stderr),
    }
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await appendFile(file, `${JSON.stringify(line)}\n`, { mode: 0o600 })
  }
  return async (call) => {
    const startedAt = performance.now()
    try {
      const result = await run(call)
      await write(call, startedAt, result)
      return result
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      await write(call, startedAt, { exitCode: error.exitCode, stdout: error.stdout, stderr: error.stderr })
      throw maskedFailure(error, call, mask)
    }
  }
}

function maskedFailure(error: CommandFailed, { isSecret }: Call, mask: Mask): CommandFailed {
  return new CommandFailed(mask(error.message), {
    exitCode: error.exitCode,
    stdout: isSecret ? '' : mask(error.stdout),
    stderr: mask(error.stderr),
  })
}

/** The lines of a log that {@link logCalls} wrote. */
export async function readCallLog(file: string): Promise<readonly LoggedCall[]> {
  const text = await readFile(file, 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LoggedCall)
}
