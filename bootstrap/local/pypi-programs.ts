import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ensurePackages } from './debian.ts'
import { withLock } from './lock.ts'
import { cacheDir } from './paths.ts'
import { CommandFailed, lastLines, run } from './run.ts'

/** Programs of PyPI, each with a file in pypi/ that pins it, by hash, with all that it needs. */
const programs = { shellcheck: {}, hadolint: {}, zizmor: {} } as const satisfies Record<string, object>

export type PypiProgramName = keyof typeof programs

export interface EnsurePypiProgramsOptions {
  readonly signal?: AbortSignal
  /** Told what is being installed. */
  readonly onStep?: (step: string) => void
}

/**
 * Paths of the named programs, installed by pip from wheels of the very hashes that are pinned, and kept in the user's
 * cache: what is there needs no network, nor Python.
 */
export async function ensurePypiPrograms<Name extends PypiProgramName>(
  names: readonly Name[],
  options: EnsurePypiProgramsOptions = {},
): Promise<Record<Name, string>> {
  const paths = await Promise.all(names.map(async (name) => [name, await pathOf(name)] as const))
  for (const [name, path] of paths) {
    if (await exists(path)) continue
    await mkdir(cacheDir('pypi'), { recursive: true })
    await withLock(
      cacheDir('pypi', 'install.lock'),
      { ...(options.signal && { signal: options.signal }) },
      async () => {
        if (!(await exists(path))) await install(name, path, options)
      },
    )
  }
  return Object.fromEntries(paths) as Record<Name, string>
}

function requirementsOf(name: PypiProgramName): string {
  return join(import.meta.dirname, 'pypi', `${name}.txt`)
}

async function pathOf(name: PypiProgramName): Promise<string> {
  const pinned = await readFile(requirementsOf(name), 'utf8')
  const key = createHash('sha256')
    .update(JSON.stringify([pinned, process.arch]))
    .digest('hex')
    .slice(0, 16)
  return cacheDir('pypi', name, key, 'bin', name)
}

async function install(
  name: PypiProgramName,
  path: string,
  { signal, onStep }: EnsurePypiProgramsOptions,
): Promise<void> {
  const folder = dirname(dirname(path))
  // Under the lock, so whatever lies here was left by an install that was killed.
  const part = `${folder}.part`
  await rm(part, { recursive: true, force: true })
  const python = await findPython(signal, onStep)
  onStep?.(`installing ${name} from PyPI`)
  // A wheel is unpacked and nothing of it is run, unlike a source package.
  const flags = ['--quiet', '--no-color', '--no-input', '--require-hashes', '--only-binary=:all:', '--no-compile']
  try {
    await run(python, ['-m', 'pip', 'install', ...flags, `--target=${part}`, `--requirement=${requirementsOf(name)}`], {
      env: { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore' },
      ...(signal && { signal }),
    })
  } catch (error) {
    signal?.throwIfAborted()
    await rm(part, { recursive: true, force: true })
    const why = error instanceof CommandFailed ? lastLines(error.stderr, 5) : String(error)
    throw new Error(`${name} could not be installed for ${process.arch}:\n${why}`, { cause: error })
  }
  await rename(part, folder)
  // Those of other pins go: nothing asks for them any more.
  const others = (await readdir(dirname(folder))).filter((other) => other !== basename(folder))
  await Promise.all(others.map((other) => rm(join(dirname(folder), other), { recursive: true, force: true })))
}

/** The second is Debian's own, where another one stands before it on PATH. */
async function findPython(signal: AbortSignal | undefined, onStep?: (step: string) => void): Promise<string> {
  const find = async () => {
    for (const python of ['python3', '/usr/bin/python3']) {
      try {
        await run(python, ['-m', 'pip', '--version'], signal && { signal })
        return python
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof CommandFailed)) throw error
      }
    }
    return undefined
  }
  const found = await find()
  if (found !== undefined) return found
  await ensurePackages(['linters'], { ...(signal && { signal }), ...(onStep && { onStep }) })
  return '/usr/bin/python3'
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
