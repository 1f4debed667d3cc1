import { formatElapsed } from './elapsed.ts'
import { CommandFailed, lastLines, run } from './run.ts'

export interface GoBuildOptions {
  readonly go: string
  /** What is built, for a person. */
  readonly names: string
  /** How long it may take the first time. */
  readonly roughly: string
  /** With the go.mod and go.sum. */
  readonly folder: string
  readonly packages: readonly string[]
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Folder for the programs. */
  readonly out: string
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

/** A build that was started by a command that is killed ends with it. */
const boundToUs = ['--pdeathsig', 'SIGTERM', '--']

/** A terminal shows the last line alone, a log keeps them all. */
const tellEveryMs = process.stdout.isTTY ? 5_000 : 60_000

/** Builds programs of one Go module, and tells how far it is. */
export async function buildGo(options: GoBuildOptions): Promise<void> {
  const { go, names, roughly, folder, packages, flags, env, out, signal, onStep } = options
  const bounds = { cwd: folder, env, ...(signal && { signal }) }
  const startedAt = performance.now()
  let total: number | undefined
  let compiled = 0
  const tell = (): void => {
    const progress = total === undefined ? 'fetching modules' : `compiled ${compiled} of ${total} packages`
    onStep?.(`building ${names}: ${progress}, ${formatElapsed(performance.now() - startedAt)}`)
  }
  onStep?.(`building ${names} (the first time about ${roughly} on two idle cores)`)
  const ticker = setInterval(tell, tellEveryMs)
  try {
    const listed = await run('setpriv', [...boundToUs, go, 'list', '-deps', ...packages], bounds)
    total = listed.stdout.split('\n').length
    await run('setpriv', [...boundToUs, go, 'build', '-v', ...flags, '-o', `${out}/`, ...packages], {
      ...bounds,
      onLine: (line) => {
        if (!line.startsWith('go: ')) compiled += 1
      },
    })
  } catch (error) {
    signal?.throwIfAborted()
    throw new Error(explainFailure(names, error), { cause: error })
  } finally {
    clearInterval(ticker)
  }
}

function explainFailure(names: string, error: unknown): string {
  if (!(error instanceof CommandFailed)) return `${names} could not be built: ${String(error)}`
  const output = lastLines(error.stderr)
  if (/no space left on device/i.test(output)) {
    return `${names} could not be built: the disk is full (Go's caches need about 6 GB; see go env GOCACHE GOMODCACHE)`
  }
  if (
    /dial tcp|no such host|i\/o timeout|proxyconnect|TLS handshake|disabled by GOPROXY|: 40[0-9] |: 50[0-9] /i.test(
      output,
    )
  ) {
    return `${names} could not be built: a module could not be fetched (see go env GOPROXY):\n${output}`
  }
  return `${names} could not be built:\n${output}`
}
