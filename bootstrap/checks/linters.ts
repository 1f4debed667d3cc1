import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { git } from '../local/git.ts'
import { ensurePythonEnvironment, type PythonEnvironmentName } from '../local/python-environment.ts'
import { ensureTools } from '../local/tools.ts'

export interface Linter {
  /** What it reads, of the files that git knows of or would take. */
  readonly reads: (file: string, firstLine: string) => boolean
  /** Installs it where it is missing, and answers how it is called on files. */
  readonly prepare: (onStep: (step: string) => void) => Promise<readonly [command: string, ...args: readonly string[]]>
}

const isWorkflow = (file: string): boolean => /^\.github\/workflows\/[^/]+\.ya?ml$/.test(file)

/** None of them needs a network once it is installed. */
export const linters = {
  actionlint: {
    reads: isWorkflow,
    prepare: async (onStep) => {
      const [{ actionlint }, shellcheck] = await Promise.all([
        ensureTools(['actionlint'], { onStep }),
        ensureProgram('shellcheck', onStep),
      ])
      // Scripts within workflows are shell scripts too; of Python there is none.
      return [actionlint, '-no-color', `-shellcheck=${shellcheck}`, '-pyflakes=']
    },
  },
  zizmor: {
    reads: (file) => isWorkflow(file) || file === '.github/dependabot.yml',
    prepare: async (onStep) => {
      const zizmor = await ensureProgram('zizmor', onStep)
      return [zizmor, '--offline', '--no-progress', '--quiet', '--color=never', '--persona=pedantic']
    },
  },
  shellcheck: {
    reads: (file, firstLine) => file.endsWith('.sh') || /^#!.*\b(?:ba|da|k)?sh\b/.test(firstLine),
    prepare: async (onStep) => {
      const shellcheck = await ensureProgram('shellcheck', onStep)
      return [shellcheck, '--norc', '--color=never', '--enable=all', '--exclude=SC2250,SC2312']
    },
  },
  hadolint: {
    reads: (file) => /(^|\/)Dockerfile(\.[^/]+)?$/.test(file),
    prepare: async (onStep) => {
      const hadolint = await ensureProgram('hadolint', onStep)
      return [hadolint, '--no-color', '--failure-threshold=style']
    },
  },
} as const satisfies Record<string, Linter>

/** Its environment is called as it is. */
async function ensureProgram(name: PythonEnvironmentName, onStep: (step: string) => void): Promise<string> {
  return join(await ensurePythonEnvironment(name, { onStep }), name)
}

export type LinterName = keyof typeof linters

export function isLinter(name: string): name is LinterName {
  return Object.hasOwn(linters, name)
}

/** The files of a checkout that a linter reads, those that are not committed yet included. */
export async function filesFor(name: LinterName, root: string): Promise<readonly string[]> {
  const listed = await git(root, ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'])
  const found: string[] = []
  for (const file of listed.split('\0').filter(Boolean)) {
    // A link may lead anywhere, and a file may be deleted and not committed so.
    const text = await readFile(join(root, file), 'utf8').catch(() => undefined)
    if (text !== undefined && linters[name].reads(file, text.split('\n', 1)[0] ?? '')) found.push(file)
  }
  return found
}
