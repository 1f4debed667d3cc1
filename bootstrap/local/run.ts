import { delimiter } from 'node:path'
import { execa } from 'execa'
import type { ExecOptions, ExecResult } from './backend.ts'
import { signalIfThere } from './signal.ts'

/** A program ended with another code than 0, by a signal, or could not be started. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string

  constructor(message: string, result: { exitCode?: number | undefined; stdout?: string; stderr?: string }) {
    super(message)
    this.exitCode = result.exitCode
    this.stdout = result.stdout ?? ''
    this.stderr = result.stderr ?? ''
  }
}

export interface RunOptions extends ExecOptions {
  /** Exit codes that are answers rather than failures; 0 always is. */
  readonly accept?: readonly number[]
  /** How long a program that is asked to end may take; 5 s if not given. */
  readonly graceMs?: number
}

/**
 * Runs a program to its end; its output comes back without the final newline.
 * Rejects with {@link CommandFailed}, or with the signal's reason when it was aborted: the program is then ended with
 * all that it has started, which is why one that is given a signal runs in a process group of its own.
 */
export async function run(
  command: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<ExecResult> {
  const { signal, onLine } = options
  signal?.throwIfAborted()
  const output = onLine === undefined ? 'pipe' : ({ transform: tellLines(onLine) } as const)
  const running = execa(command, [...args], {
    reject: false,
    detached: signal !== undefined,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    stdout: output,
    stderr: output,
    env: programEnv(options.env),
    ...(options.cwd && { cwd: options.cwd }),
    ...(options.input !== undefined && { input: options.input }),
  })
  const endGroup = groupEnder(running.pid, options.graceMs ?? defaultGraceMs)
  signal?.addEventListener('abort', endGroup.end, { once: true })
  const result = await running
  signal?.removeEventListener('abort', endGroup.end)
  endGroup.cancel()
  signal?.throwIfAborted()
  const stdout = result.stdout ?? ''
  const stderr = result.stderr ?? ''
  if (result.exitCode !== undefined && [0, ...(options.accept ?? [])].includes(result.exitCode)) {
    return { exitCode: result.exitCode, stdout, stderr }
  }
  throw new CommandFailed(describeFailure([command, ...args].join(' '), result, stderr || stdout), {
    exitCode: result.exitCode,
    stdout,
    stderr,
  })
}

/** Our own environment and what is added to it; root's programs are found also where PATH is a plain user's. */
export function programEnv(added: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env = { ...process.env, ...added }
  const path = env['PATH'] ?? '/usr/bin:/bin'
  const missing = ['/usr/sbin', '/sbin'].filter((dir) => !path.split(delimiter).includes(dir))
  return { ...env, PATH: [path, ...missing].join(delimiter) }
}

/** The last lines of a program's output, for a message that a person reads. */
export function lastLines(output: string, count = 20): string {
  return output.trimEnd().split('\n').slice(-count).join('\n')
}

const defaultGraceMs = 5_000

function groupEnder(
  pid: number | undefined,
  graceMs: number,
): { readonly end: () => void; readonly cancel: () => void } {
  let timer: NodeJS.Timeout | undefined
  return {
    end() {
      if (pid === undefined) return
      signalIfThere(-pid, 'SIGTERM')
      timer = setTimeout(() => signalIfThere(-pid, 'SIGKILL'), graceMs)
    },
    cancel: () => clearTimeout(timer),
  }
}

function tellLines(onLine: (line: string) => void) {
  return function* tell(line: unknown): Generator<string> {
    const text = String(line)
    onLine(text)
    yield text
  }
}

function describeFailure(
  call: string,
  result: {
    readonly exitCode?: number | undefined
    readonly signal?: string | undefined
    readonly originalMessage?: string | undefined
  },
  output: string,
): string {
  const tail = output === '' ? '' : `:\n${lastLines(output)}`
  if (result.exitCode !== undefined) return `${call} ended with ${result.exitCode}${tail}`
  if (result.signal !== undefined) return `${call} was ended by ${result.signal}${tail}`
  return `${call} could not be run: ${result.originalMessage ?? 'unknown cause'}`
}
