// Runs one of the linters of files that are no TypeScript; a part of `npm run check`.
import { filesFor, isLinter, linters } from '../checks/linters.ts'
import { checkout } from '../local/checkout.ts'
import { runAttached } from './attached.ts'

const [name = ''] = process.argv.slice(2)
if (!isLinter(name)) {
  console.error(`Name one of ${Object.keys(linters).join(', ')}.`)
  process.exitCode = 2
} else {
  const files = await filesFor(name, checkout)
  const [command, ...args] = await linters[name].prepare((step) => console.error(step))
  process.chdir(checkout)
  process.exitCode = files.length === 0 ? 0 : await runAttached(command, [...args, ...files])
}
