import { git } from '../local/git.ts'

export interface Commit {
  /** In full. */
  readonly sha: string
  /** RFC 3339. */
  readonly created: string
}

/** What is checked out, and nothing besides: an image that says a commit is of exactly that commit. */
export async function readCommit(root: string, signal?: AbortSignal): Promise<Commit> {
  const changed = (await git(root, ['status', '--porcelain'], signal)).split('\n').filter(Boolean)
  if (changed.length > 0) {
    const shown = changed.slice(0, 5).map((line) => `  ${line}`)
    throw new Error(
      ['What is not committed would be in the image, and not in the commit that it names:', ...shown].join('\n'),
    )
  }
  const [sha = '', created = ''] = (await git(root, ['log', '-1', '--format=%H %cI'], signal)).split(' ')
  return { sha, created }
}
