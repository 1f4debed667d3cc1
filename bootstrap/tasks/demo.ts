// `npm run demo`: the main job as a story on a cluster of its own.
import { Command } from 'commander'
import { makeContext } from '../demo/context.ts'
import { assertReportable, makeReport, type StepResult, writeReport } from '../demo/report.ts'
import { ending, story, tell } from '../demo/story.ts'
import { formatElapsed } from '../local/elapsed.ts'
import { nativeBackend } from '../local/native/backend.ts'
import { lastTold } from '../demo/told.ts'
import { whatToLookAt } from '../demo/what-to-look-at.ts'
import { asRoot, commandTyped } from '../launch/as-root.mjs'

const options = new Command('npm run demo --')
  .description(
    'Brings up a cluster, lets it pull releases of the predictor, good ones and bad ones, and stays up until Ctrl-C.',
  )
  .option('--once', 'end after the story and take everything down', false)
  .option('--report <file>', 'write what each step found as JSON')
  .option('--name <name>', 'of the cluster, so that several can run side by side', 'demo')
  .showHelpAfterError()
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
  .opts<{ once: boolean; report?: string; name: string }>()

if (process.getuid?.() !== 0) {
  const again = asRoot(commandTyped('demo', 'demo', process.argv.slice(2)))
  console.error(`The demo brings up a real node in namespaces of its own, and needs root for that: ${again}`)
  process.exit(1)
}

try {
  if (options.report !== undefined) await assertReportable(options.report)
  if ((await nativeBackend().find(options.name)) !== undefined) {
    throw new Error(
      `A cluster ${options.name} is up already, of another demo perhaps. Tell this story beside it with --name OTHER, ` +
        `or take that one down: npm run cluster -- down --name ${options.name}`,
    )
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort())

const context = makeContext(options.name, interruption.signal)
const startedAt = performance.now()
const results: StepResult[] = [...(await tell(story, context))]
const isTold = results.length === story.length && results.every(({ ok }) => ok)

const toldInMs = performance.now() - startedAt

if (isTold && !options.once) {
  console.log(whatToLookAt(context))
  await untilAborted(interruption.signal)
}

const told = isTold ? undefined : await lastTold(context)
if (told !== undefined) console.error(`The Delivery says: ${told}`)

// Taking down is not interrupted by the Ctrl-C that asked for it.
await context.platform?.close()
results.push(...(await tell([ending], { ...context, signal: new AbortController().signal })))

const report = makeReport(
  [...story, ending].map(({ name }) => name),
  results,
  context.pushToReadyMs,
)
if (options.report !== undefined) await writeReport(options.report, report)
for (const { name, ok, detail } of results) if (!ok) console.error(`${name}: ${detail}`)
console.log(
  report.ok
    ? `Every step held; the story took ${formatElapsed(toldInMs)}. Push to ready: ${context.pushToReadyMs.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', ')}.`
    : 'The story did not come to its end.',
)
process.exitCode = report.ok ? 0 : 1

/** Waiting for a signal alone does not keep a process up; a timer does. */
function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const stayUp = setInterval(() => undefined, 60_000)
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(stayUp)
        resolve()
      },
      { once: true },
    )
  })
}
