// `npm run screenshots`: the pictures of docs/screenshots, of the demo on a cluster of its own.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { predictorHost } from '../demo/names.ts'
import { asRoot } from '../launch/as-root.mjs'
import { checkout } from '../local/checkout.ts'
import { ensurePackages } from '../local/debian.ts'
import { findPlatform } from '../local/platform.ts'
import { lastLines } from '../local/run.ts'
import { openBrowser } from '../screenshots/browser.ts'
import { pictures, terminalSize, toldBy, type Scene } from '../screenshots/pictures.ts'
import { ctrlC, startOnTerminal } from '../screenshots/terminal.ts'

if (process.getuid?.() !== 0) {
  console.error(`The pictures are of the demo, which needs root: ${asRoot('npm run screenshots')}`)
  process.exit(1)
}

const cluster = 'demo'
const folder = join(checkout, 'docs', 'screenshots')
const typed = 'npm run demo'
const isUp = /The cluster stays up until Ctrl-C/

await ensurePackages(['pictures'], { onStep: (step) => console.log(step) })
console.log(`The story is told first, which takes some minutes: ${typed}`)
const demo = startOnTerminal(typed, { ...terminalSize, cwd: checkout })
// Taken down whatever becomes of the pictures, also when a person has seen enough.
const stop = (): void => demo.type(ctrlC)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
try {
  await demo.until(isUp)
  await takeAll()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
stop()
const code = await demo.ended
// npm ends with 130 after a Ctrl-C, whatever its script ends with.
if (!/^Every step held/m.test(stripVTControlCharacters(demo.printed()))) {
  console.error(`The demo ended with ${code}; the last that it said:\n${lastLines(demo.printed())}`)
  process.exitCode = 1
}

async function takeAll(): Promise<void> {
  const platform = await findPlatform(cluster)
  if (platform === undefined) throw new Error(`the demo's cluster ${cluster} is not up`)
  const browser = await openBrowser({ [predictorHost]: platform.cluster.nodeIp })
  try {
    const told = toldBy(typed, demo.printed(), isUp)
    const scene: Scene = { browser, platform, told }
    const taken = new Map<string, Buffer>()
    for (const { file, take } of pictures) taken.set(file, await take(scene))
    // All of them or none: they are of one story.
    for (const [file, png] of taken) {
      await writeFile(join(folder, file), png)
      console.log(`docs/screenshots/${file}: ${Math.ceil(png.length / 1024)} KiB`)
    }
  } finally {
    await browser.close()
    await platform.close()
  }
}
