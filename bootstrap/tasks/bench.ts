// `npm run bench -- NAME [--json]`: figures, each made by the program of its name.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runAttached } from './attached.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const folder = join(root, 'reconciler', 'bench')

// The launcher has seen to it that there is one of this name.
const [name = '', ...args] = process.argv.slice(2)
process.exitCode = await runAttached(process.execPath, [join(folder, `${name}.ts`), ...args])
