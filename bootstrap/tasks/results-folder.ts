import { accessSync, constants, existsSync } from 'node:fs'
import { join } from 'node:path'

/** Why tap can't keep its results below the root of a checkout, in words for a person; undefined where it can. */
export function problemOfResults(root: string): string | undefined {
  const own = join(root, '.tap')
  const folders = [own, join(own, 'test-results'), join(own, 'processinfo')].filter((path) => existsSync(path))
  const foreign = (folders.length > 0 ? folders : [root]).find((path) => !isWritable(path))
  if (foreign === undefined) return undefined
  return (
    `Results of tests are kept in ${own}, and ${foreign} is not yours to write: tests ran here as another user, root ` +
    `perhaps. Make it yours: sudo chown -R "$(id -un)" ${existsSync(own) ? own : root}`
  )
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
