import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Leaves out colours and what moves a cursor, which some programs print even where there is no terminal. */
  readonly isPlain?: boolean
}

/** Runs a program on our own terminal and answers its exit code; 128 + signal number where a signal ended it. */
export function runAttached(
  command: string,
  args: readonly string[],
  { env, signal, isPlain = false }: RunOptions = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const output = isPlain ? 'pipe' : 'inherit'
    const child = spawn(command, args, {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
      ...(signal && { signal, killSignal: 'SIGTERM' as const }),
    })
    if (child.stdout) copyPlain(child.stdout, process.stdout)
    if (child.stderr) copyPlain(child.stderr, process.stderr)
    child.on('error', (error) => {
      if (error.name !== 'AbortError') reject(error)
    })
    child.on('close', (code, endedBy) => resolve(code ?? 128 + (endedBy === null ? 0 : constants.signals[endedBy])))
  })
}

function copyPlain(from: Readable, to: NodeJS.WriteStream): void {
  createInterface({ input: from, crlfDelay: Infinity }).on('line', (line) => {
    const plain = stripVTControlCharacters(line)
    // A line of nothing but control characters is none.
    if (plain !== '' || line === '') to.write(`${plain}\n`)
  })
}
