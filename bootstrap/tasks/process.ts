import { spawn } from 'node:child_process'

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** Runs a program on our own terminal and answers its exit code; 128 + signal number where a signal ended it. */
export function run(command: string, args: readonly string[], { env, signal }: RunOptions = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
      ...(signal && { signal, killSignal: 'SIGTERM' as const }),
    })
    child.on('error', (error) => {
      if (error.name !== 'AbortError') reject(error)
    })
    child.on('close', (code) => resolve(code ?? 130))
  })
}
