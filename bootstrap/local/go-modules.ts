import { join } from 'node:path'
import { buildEnv, findToolchain, moduleRoot } from './go-toolchain.ts'
import { run } from './run.ts'
import type { EnsureToolsOptions } from './tools.ts'

/**
 * Folders of the modules that a go.mod under `go/` requires, each checked against its go.sum, by module path: for what
 * else than a program is in them.
 */
export async function moduleFolders(
  module: 'crds',
  { signal, onStep }: EnsureToolsOptions = {},
): Promise<Readonly<Record<string, string>>> {
  const { go } = await findToolchain(signal)
  onStep?.(`fetching the modules of bootstrap/local/go/${module}/go.mod, where they are not there yet`)
  const { stdout } = await run(go, ['mod', 'download', '-json'], {
    cwd: join(moduleRoot, module),
    env: buildEnv,
    ...(signal && { signal }),
  })
  // One object after the other, each over several lines that begin and end with a brace of their own.
  const downloads = JSON.parse(`[${stdout.replaceAll(/^}\n{/gm, '},{')}]`) as readonly ModuleDownload[]
  return Object.fromEntries(downloads.map(({ Path, Dir }) => [Path, Dir]))
}

/** https://go.dev/ref/mod#go-mod-download */
interface ModuleDownload {
  readonly Path: string
  readonly Dir: string
}
