import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CommandFailed, lastLines, run } from './run.ts'
import { isAtLeast } from './version.ts'

export interface Toolchain {
  readonly go: string
  readonly version: string
}

/** Folder of the go.mod and go.sum of each tool. */
export const moduleRoot = fileURLToPath(new URL('go/', import.meta.url))
const minimumGo = '1.26'

/** What the user's own settings must not change: each would alter the program, or fail the build. */
export const buildEnv = {
  CGO_ENABLED: '0',
  GOOS: 'linux',
  // An empty GOFLAGS would let the one written by `go env -w` through; this is what go does by default.
  GOFLAGS: '-mod=readonly',
  GOWORK: 'off',
  GO111MODULE: 'on',
}

export async function findToolchain(signal: AbortSignal | undefined): Promise<Toolchain> {
  // The second place is where go.dev's archive goes; sudo often drops it from PATH.
  for (const go of ['go', '/usr/local/go/bin/go']) {
    try {
      const { stdout } = await run(go, ['env', 'GOVERSION', 'GOARCH'], {
        cwd: join(moduleRoot, 'kubernetes'),
        env: buildEnv,
        ...(signal && { signal }),
      })
      const version = stdout.split('\n').join(' ')
      assertNewEnough(version)
      return { go, version }
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof CommandFailed)) throw error
      if (error.exitCode !== undefined) throw new Error(tooOld(lastLines(error.stderr, 1)), { cause: error })
    }
  }
  throw new Error(`Go ${minimumGo} or newer is not on PATH; install it from https://go.dev/dl/`)
}

function assertNewEnough(version: string): void {
  const [, numbers] = /^go(\d+\.\d+)/.exec(version) ?? []
  if (numbers !== undefined && !isAtLeast(numbers, minimumGo)) throw new Error(tooOld(version))
}

function tooOld(found: string): string {
  return `Go ${minimumGo} or newer is needed; install it from https://go.dev/dl/ (found: ${found})`
}
