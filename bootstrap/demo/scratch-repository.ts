import { cp, mkdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  const git = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run('git', ['-C', path, ...author, ...args], { signal })
    return stdout.trim()
  }

  const head = async (): Promise<Commit> => {
    const [sha = '', created = ''] = (await git('log', '-1', '--format=%H %cI')).split(' ')
    return { sha, created }
  }

  await git('init', '--quiet', '--initial-branch=main')
  for (const file of await sourceFiles(checkout, signal)) {
    await cp(join(checkout, file), join(path, file), { recursive: true })
  }
  await symlink(join(checkout, 'node_modules'), join(path, 'node_modules'))
  await git('add', '--all', '--force', '--', ...topLevel)
  await git('commit', '--quiet', '--message', 'What is checked out')

  return {
    path,
    head,
    commit: async ({ message, file, edit }) => {
      const before = await readFile(join(path, file), 'utf8')
      const after = edit(before)
      if (after === before) throw new Error(`The change '${message}' changes nothing in ${file}.`)
      await writeFile(join(path, file), after)
      await git('commit', '--quiet', '--message', message, '--', file)
      return head()
    },
    revert: async () => {
      await git('revert', '--no-edit', 'HEAD')
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
  // Root reads a checkout that its user owns, which git refuses to by itself; to list files runs nothing of it.
  const trusted = ['-c', `safe.directory=${await realpath(checkout)}`, '-C', checkout]
  const listed = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...wanted]
  const { stdout } = await run('git', [...trusted, ...listed], { signal })
  const files = stdout.split('\n').filter((file) => file !== '')
  if (files.length === 0) throw new Error(`${checkout} is no git checkout with the predictor's sources in it.`)
  return files
}
