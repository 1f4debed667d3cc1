// `npm run bench -- NAME [--json]`: figures, each made by the program of its name.
import { existsSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runAttached } from './attached.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const folder = join(root, 'reconciler', 'bench')

const [name, ...args] = process.argv.slice(2)
const program = join(folder, `${name ?? ''}.ts`)
if (name === undefined || !/^[a-z]+$/.test(name) || !existsSync(program)) {
  console.error(`npm run bench -- NAME [--json]; there are: ${(await names()).join(', ')}`)
  process.exit(2)
}
process.exitCode = await runAttached(process.execPath, [program, ...args])

/** A benchmark has a name of one word; the parts of one have longer names (poll-registry.ts). */
async function names(): Promise<readonly string[]> {
  const found: string[] = []
  for await (const path of glob(join(folder, '*.ts'))) found.push(basename(path, '.ts'))
  return found.filter((file) => /^[a-z]+$/.test(file)).sort()
}
