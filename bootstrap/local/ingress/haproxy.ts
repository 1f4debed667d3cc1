import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { request } from 'undici'
import { run } from '../run.ts'
import { waitFor } from '../wait.ts'
import type { HaproxyConfig } from './haproxy-config.ts'

export interface HaproxyOptions {
  readonly binary: string
  /** Holds the configuration; nobody else writes there. */
  readonly directory: string
  /** Of the configurations' admin port, e.g. `http://127.0.0.1:8405`. */
  readonly adminUrl: string
  /** Told of each request that failed, in HAProxy's own log format. */
  readonly onFailedRequest: (line: string) => void
  /** Told what HAProxy says of its processes. */
  readonly onNotice: (line: string) => void
  /** Told when HAProxy ended without being asked to. */
  readonly onExit: (cause: Error) => void
}

export type Applied = 'unchanged' | 'started' | 'reloaded'

const takeoverTimeoutMs = 15_000
const drainTimeoutMs = 5_000
/** A signal that comes while the master still gets ready after a reload is lost, so it is sent again. */
const reloadAgainMs = 3_000
const stopAgainMs = 200

/**
 * One HAProxy in master-worker mode, run with a configuration at a time. On a reload the master hands its listening
 * sockets to a new worker, so that no connection is refused, and lets the old one finish what it has.
 */
export class Haproxy {
  readonly #options: HaproxyOptions
  #master: ChildProcess | undefined
  #revision: string | undefined
  #isStopping = false

  constructor(options: HaproxyOptions) {
    this.#options = options
  }

  /**
   * Resolves when a worker with this very configuration answers. Rejects, and leaves the running configuration as it
   * is, where HAProxy refuses it.
   */
  async apply(config: HaproxyConfig, signal: AbortSignal): Promise<Applied> {
    if (config.revision === this.#revision) return 'unchanged'
    const file = join(this.#options.directory, 'haproxy.cfg')
    await this.#writeChecked(file, config.text, signal)
    const running = this.#master
    this.#master ??= this.#start(file)
    const stopSignalling = running && signalRepeatedly(running, 'SIGUSR2', reloadAgainMs)
    await this.#takenOver(config.revision, signal).finally(stopSignalling)
    this.#revision = config.revision
    return running ? 'reloaded' : 'started'
  }

  /** Lets requests under way finish, but not for long. */
  async stop(): Promise<void> {
    const master = this.#master
    this.#isStopping = true
    if (master === undefined || hasExited(master)) return
    const exit = once(master, 'exit')
    const stopSignalling = signalRepeatedly(master, 'SIGUSR1', stopAgainMs)
    const timer = setTimeout(() => master.kill('SIGTERM'), drainTimeoutMs)
    await exit.finally(() => clearTimeout(timer)).finally(stopSignalling)
  }

  async #writeChecked(file: string, text: string, signal: AbortSignal): Promise<void> {
    const candidate = `${file}.new`
    await mkdir(this.#options.directory, { recursive: true })
    await writeFile(candidate, text)
    await run(this.#options.binary, ['-c', '-f', candidate], { signal })
    await rename(candidate, file)
  }

  #start(file: string): ChildProcess {
    const master = spawn(this.#options.binary, ['-W', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] })
    createInterface(master.stdout).on('line', this.#options.onFailedRequest)
    createInterface(master.stderr).on('line', this.#options.onNotice)
    const end = (how: string, cause?: unknown): void => {
      if (!this.#isStopping) this.#options.onExit(new Error(`HAProxy ${how}`, { cause }))
    }
    master.once('error', (error) => end('could not be started', error))
    master.once('exit', (code, name) => end(`ended by itself with ${code ?? name}`))
    return master
  }

  /** The admin port answers with the revision of the worker behind it, which is the proof that the new one serves. */
  async #takenOver(revision: string, signal: AbortSignal): Promise<void> {
    let last = 'nothing'
    await waitFor(
      async () => {
        last = await this.#servedRevision(signal)
        return last === revision || undefined
      },
      () => `HAProxy was to serve configuration ${revision}, and answers with ${last}`,
      { timeoutMs: takeoverTimeoutMs, everyMs: 20, signal },
    )
  }

  async #servedRevision(signal: AbortSignal): Promise<string> {
    try {
      // A kept connection would ask the same worker again and again.
      const { body } = await request(`${this.#options.adminUrl}/revision`, { signal, reset: true })
      return await body.text()
    } catch (error) {
      signal.throwIfAborted()
      return error instanceof Error ? error.message : String(error)
    }
  }
}

function signalRepeatedly(process: ChildProcess, name: NodeJS.Signals, everyMs: number): () => void {
  process.kill(name)
  const timer = setInterval(() => process.kill(name), everyMs)
  return () => clearInterval(timer)
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
