import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { request } from 'undici'
import { freePort } from '../../bootstrap/local/free-port.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'

export interface ServerCommand {
  readonly name: string
  /** Given the port; answers the program and its arguments. */
  readonly command: (port: number) => readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
}

export interface HttpServer {
  readonly name: string
  readonly url: string
  /** Ends it, as Ctrl-C does; returns when it is gone. */
  stop(): Promise<void>
}

/** The server has one processor and who asks it another, so that neither takes time from the other. */
export const processors = { server: '0', client: '1' } as const

/** Answers the command that runs on that processor alone; on a machine with one it is left as it is. */
export function pinned(processor: string, command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return availableParallelism() > 1 ? ['taskset', '--cpu-list', processor, ...command] : command
}

/** Starts a server on loopback; resolves when it answers what the benchmark asks. */
export async function startServer(options: ServerCommand, path: string, signal: AbortSignal): Promise<HttpServer> {
  const port = await freePort()
  const [program, ...args] = pinned(processors.server, options.command(port))
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env['PATH'], PORT: String(port), HOST: '127.0.0.1', ...options.env },
  })
  const ended = once(child, 'exit')
  const url = `http://127.0.0.1:${port}${path}`
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT')
    await ended
  }
  try {
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error(`${options.name} ended with ${child.exitCode}`)
        return (await answers(url)) || undefined
      },
      () => `${options.name} to answer ${url}`,
      { timeoutMs: 30_000, everyMs: 50, signal },
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { name: options.name, url, stop }
}

async function answers(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(url, { method: 'POST', reset: true })
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}
