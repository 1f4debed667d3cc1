// `npm run image-context -- predictor|reconciler`: makes the folder that the program's Dockerfile copies from.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepareContext, programs } from '../local/images/image-context.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const [name = '', ...rest] = process.argv.slice(2)
const program = Object.entries(programs).find(([known]) => known === name)?.[1]

if (program === undefined || rest.length > 0) {
  console.error(`Name one of ${Object.keys(programs).join(', ')}.`)
  process.exitCode = 2
} else {
  const out = join(root, 'dist', 'image', name)
  await prepareContext({ root, program, out })
  console.log(`${out} is ready: build it with ${name}/Dockerfile and a build argument BASE.`)
}
