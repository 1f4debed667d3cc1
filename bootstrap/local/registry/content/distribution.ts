import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lastLines } from '../../run.ts'
import { waitFor } from '../../wait.ts'
import { openUpstream } from './upstream.ts'

export interface DistributionOptions {
  /** The program `registry` of the CNCF distribution project, version 3. */
  readonly binary: string
  /** Keeps the content, the log, the configuration and the socket; made where it is missing. */
  readonly directory: string
  readonly signal?: AbortSignal
}

export interface Distribution {
  readonly socketPath: string
  readonly pid: number
  /** Settles when it ends before `stop`, with how; never otherwise. */
  readonly failed: Promise<string>
  stop(): Promise<void>
}

/** Longest path of a Unix socket that Linux takes (unix(7)), less the final zero. */
const longestSocketPath = 107

/**
 * Starts a distribution that only this user can reach, by a Unix socket, and waits until it answers. The kernel ends
 * it together with this process, however that ends.
 */
export async function startDistribution(options: DistributionOptions): Promise<Distribution> {
  const { binary, directory } = options
  const socketPath = join(directory, 'registry.sock')
  if (Buffer.byteLength(socketPath) > longestSocketPath) {
    throw new Error(`the path ${socketPath} is too long for a socket; take a shorter folder for the registry`)
  }
  await mkdir(directory, { recursive: true })
  // Left by one that was killed, it would keep the next from listening.
  await rm(socketPath, { force: true })
  const configFile = join(directory, 'registry.json')
  await writeFile(configFile, JSON.stringify(configuration(directory, socketPath), undefined, 2), { mode: 0o600 })
  const logFile = join(directory, 'registry.log')
  const child = await spawnWithUs(binary, ['serve', configFile], logFile)
  const ended = endOf(child)
  let isStopping = false
  const distribution: Distribution = {
    socketPath,
    pid: child.pid ?? -1,
    failed: new Promise((resolve) => {
      void ended.then((how) => isStopping || resolve(how))
    }),
    stop() {
      isStopping = true
      return stop(child, ended)
    },
  }
  try {
    await untilAnswers(distribution, logFile, options.signal)
    return distribution
  } catch (error) {
    await distribution.stop()
    throw error
  }
}

/** https://distribution.github.io/distribution/about/configuration/ — JSON is YAML too. */
function configuration(directory: string, socketPath: string): unknown {
  return {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(directory, 'content') },
      delete: { enabled: true },
      // Uploads that a build has abandoned.
      maintenance: { uploadpurging: { enabled: true, age: '24h', interval: '1h', dryrun: false } },
    },
    http: { net: 'unix', addr: socketPath, relativeurls: true, secret: randomBytes(32).toString('hex') },
  }
}

async function spawnWithUs(binary: string, args: readonly string[], logFile: string): Promise<ChildProcess> {
  const log = await open(logFile, 'a', 0o640)
  try {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', binary, ...args], {
      stdio: ['ignore', log.fd, log.fd],
      // It would look for a collector of traces otherwise.
      env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (error) => reject(new Error(`setpriv (util-linux) could not be run: ${error.message}`)))
    })
    return child
  } finally {
    await log.close()
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal === null ? `it ended with ${code}` : `it was ended by ${signal}`)
    })
  })
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await ended
  clearTimeout(killer)
}

async function untilAnswers(
  { socketPath, failed }: Distribution,
  logFile: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const upstream = openUpstream({ socketPath })
  let end: string | undefined
  void failed.then((how) => (end = how))
  const explain = async (): Promise<string> => lastLines(await readFile(logFile, 'utf8'), 5)
  try {
    await waitFor(
      async () => {
        if (end !== undefined) throw new Error(`the distribution did not start: ${end}\n${await explain()}`)
        return ping(() => upstream.send({ method: 'GET', path: '/v2/', signal: AbortSignal.timeout(1_000) }))
      },
      async () => `the distribution did not answer on ${socketPath}\n${await explain()}`,
      { timeoutMs: 20_000, everyMs: 20, ...(signal && { signal }) },
    )
  } finally {
    await upstream.close()
  }
}

async function ping(send: () => ReturnType<ReturnType<typeof openUpstream>['send']>): Promise<true | undefined> {
  try {
    const answer = await send()
    await answer.body.dump()
    return answer.statusCode === 200 ? true : undefined
  } catch {
    // Not listening yet; the caller tries again until its time is over.
    return undefined
  }
}
