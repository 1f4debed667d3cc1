import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { git } from '../local/git.ts'
import { run } from '../local/run.ts'

/** A clone to make releases in, so that the story never touches the checkout it was started from. */
export interface ScratchRepository {
  readonly path: string
  /** Changes one file and commits it. */
  commit(change: Change): Promise<Commit>
  /** Takes the newest commit back, by another. */
  revert(): Promise<void>
  /** What is checked out. */
  head(): Promise<Commit>
}

export interface Commit {
  /** In full. */
  readonly sha: string
  /** RFC 3339. */
  readonly created: string
}

export interface Change {
  readonly message: string
  /** Path inside the repository. */
  readonly file: string
  readonly edit: (text: string) => string
}

const topLevel = ['predictor', 'manifests', 'package.json', 'tsconfig.json', 'LICENSE', 'bootstrap']
const author = ['-c', 'user.name=A Developer', '-c', 'user.email=developer@windlass.test', '-c', 'commit.gpgsign=false']

/**
 * Clones the checkout as its working tree is now, uncommitted changes included: the story releases what its reader sees.
 * npm's packages are linked, not copied.
 */
export async function makeScratchRepository(
  checkout: string,
  path: string,
  signal: AbortSignal,
): Promise<ScratchRepository> {
  await rm(path, { recursive: true, force: true })
  await mkdir(path, { recursive: true })
  const gitHere = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run('git', ['-C', path, ...author, ...args], { signal })
    return stdout.trim()
  }

  const head = async (): Promise<Commit> => {
    const [sha = '', created = ''] = (await gitHere('log', '-1', '--format=%H %cI')).split(' ')
    return { sha, created }
  }

  await gitHere('init', '--quiet', '--initial-branch=main')
  for (const file of await sourceFiles(checkout, signal)) {
    await cp(join(checkout, file), join(path, file), { recursive: true })
  }
  await symlink(join(checkout, 'node_modules'), join(path, 'node_modules'))
  await gitHere('add', '--all', '--force', '--', ...topLevel)
  await gitHere('commit', '--quiet', '--message', 'What is checked out')

  return {
    path,
    head,
    commit: async ({ message, file, edit }) => {
      const before = await readFile(join(path, file), 'utf8')
      const after = edit(before)
      if (after === before) throw new Error(`The change '${message}' changes nothing in ${file}.`)
      await writeFile(join(path, file), after)
      await gitHere('commit', '--quiet', '--message', message, '--', file)
      return head()
    },
    revert: async () => {
      await gitHere('revert', '--no-edit', 'HEAD')
    },
  }
}

/** What a release of the predictor is made from. */
async function sourceFiles(checkout: string, signal: AbortSignal): Promise<readonly string[]> {
  const wanted = [
    'predictor',
    'manifests/predictor',
    'package.json',
    'tsconfig.json',
    'LICENSE',
    'bootstrap/local/images',
  ]
  const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate', '--']
  const named = (await git(checkout, [...listed, ...wanted], signal)).split('\0').filter((file) => file !== '')
  const deleted = (await git(checkout, ['ls-files', '-z', '--deleted', '--', ...wanted], signal)).split('\0')
  const files = named.filter((file) => !deleted.includes(file))
  if (files.length === 0) throw new Error(`${checkout} is no git checkout with the predictor's sources in it.`)
  return files
}
