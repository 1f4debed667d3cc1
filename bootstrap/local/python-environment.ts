import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensurePackages } from './debian.ts'
import { withLock } from './lock.ts'
import { cacheDir } from './paths.ts'
import { CommandFailed, lastLines, run } from './run.ts'
import { deleteUnused } from './tools.ts'
import { isAtLeast } from './version.ts'

/** Folders under `python-environments/`, each with a requirements.txt that pins a program and all it needs by hash. */
export type PythonEnvironmentName =
  'checkov' | 'njsscan' | 'schemathesis' | 'fastapi' | 'shellcheck' | 'hadolint' | 'zizmor'

export interface EnsurePythonEnvironmentOptions {
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

interface Python {
  readonly program: string
  readonly version: string
}

const requirementsRoot = fileURLToPath(new URL('python-environments/', import.meta.url))
const minimumPython = '3.11'

/**
 * The folder of a Python environment's programs, `python` among them: installed from PyPI once, into a folder of the
 * user's cache. What is fetched is checked against the pinned hashes, and nothing is built from source.
 */
export async function ensurePythonEnvironment(
  name: PythonEnvironmentName,
  options: EnsurePythonEnvironmentOptions = {},
): Promise<string> {
  const python = await findPython(options)
  const requirements = join(requirementsRoot, name, 'requirements.txt')
  const key = createHash('sha256')
    .update(JSON.stringify([python, process.arch, await readFile(requirements, 'utf8')]))
    .digest('hex')
    .slice(0, 16)
  const folder = cacheDir('python-environments', name, key)
  await mkdir(cacheDir('python-environments', name), { recursive: true })
  await withLock(
    cacheDir('python-environments', 'install.lock'),
    {
      ...(options.signal && { signal: options.signal }),
      onWait: () => options.onStep?.('waiting for another install of Python packages to end'),
    },
    async () => {
      if (!(await isWhole(folder))) await install({ name, python, requirements, folder }, options)
    },
  )
  const now = new Date()
  await utimes(folder, now, now)
  return join(folder, 'bin')
}

/** The one on PATH if it can make environments; where Debian's lacks that part, it is installed. */
async function findPython(options: EnsurePythonEnvironmentOptions): Promise<Python> {
  const found = (await askPython('python3', options)) ?? (await withVenv(options))
  if (isAtLeast(found.version, minimumPython)) return found
  throw new Error(`Python ${minimumPython} or newer is needed (found: ${found.version})`)
}

async function withVenv(options: EnsurePythonEnvironmentOptions): Promise<Python> {
  await ensurePackages(['python'], options)
  const found = await askPython('/usr/bin/python3', options)
  if (found === undefined) throw new Error('python3 can not make environments, though python3-venv is installed')
  return found
}

async function askPython(program: string, { signal }: EnsurePythonEnvironmentOptions): Promise<Python | undefined> {
  const script = 'import sys, venv, ensurepip; print(sys.executable); print("%d.%d.%d" % sys.version_info[:3])'
  try {
    const { stdout } = await run(program, ['-I', '-c', script], signal && { signal })
    const [executable = '', version = ''] = stdout.split('\n')
    return { program: executable, version }
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    return undefined
  }
}

interface Installing {
  readonly name: PythonEnvironmentName
  readonly python: Python
  readonly requirements: string
  readonly folder: string
}

/** An environment knows its own path, so that it is made where it stays; a file tells that it is whole. */
async function install(
  { name, python, requirements, folder }: Installing,
  { signal, onStep }: EnsurePythonEnvironmentOptions,
): Promise<void> {
  onStep?.(`installing ${name} from PyPI (a minute or less)`)
  const bounds = signal && { signal }
  await rm(folder, { recursive: true, force: true })
  const flags = ['--require-hashes', '--no-deps', '--only-binary', ':all:', '--no-input', '--disable-pip-version-check']
  try {
    await run(python.program, ['-I', '-m', 'venv', folder], bounds)
    await run(join(folder, 'bin', 'python'), ['-I', '-m', 'pip', 'install', ...flags, '-r', requirements], bounds)
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof CommandFailed)) throw error
    throw new Error(
      `${name} could not be installed from PyPI for ${process.arch}:\n${lastLines(error.stderr || error.stdout)}`,
      {
        cause: error,
      },
    )
  }
  await writeFile(join(folder, wholeFile), '')
  await deleteUnused(cacheDir('python-environments', name))
}

const wholeFile = 'whole'

function isWhole(folder: string): Promise<boolean> {
  return access(join(folder, wholeFile)).then(
    () => true,
    () => false,
  )
}
