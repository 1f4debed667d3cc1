// `npm run demo`: the main job as a story on a cluster of its own.
import { Command, Option } from 'commander'
import { processRunner } from '../calls/process-runner.ts'
import { makeContext } from '../demo/context.ts'
import { assertReportable, makeReport, type StepResult, writeReport } from '../demo/report.ts'
import { ending, story, tell } from '../demo/story.ts'
import { ClusterIsUpError, type LocalBackend } from '../local/backend.ts'
import { backendNames, chooseBackend } from '../local/choose-backend.ts'
import { formatElapsed } from '../local/elapsed.ts'
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
  .addOption(
    new Option('--backend <backend>', 'what the cluster runs on; kind where Docker answers, if not given').choices(
      backendNames,
    ),
  )
  .showHelpAfterError()
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
  .opts<{ once: boolean; report?: string; name: string; backend?: LocalBackend['name'] }>()

const backend = await chosenBackend().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort())

const context = makeContext(options.name, interruption.signal, backend)
const results: StepResult[] = []
let toldInMs = 0

await unlessItFails('the story', tellStory)
// Whatever became of the story, nothing of it stays behind; taking down is not interrupted by the Ctrl-C that asked for it.
await unlessItFails('closing the registry', async () => context.platform?.close())
if (context.isAnothers !== true) {
  await unlessItFails('taking down', async () => {
    results.push(...(await tell([ending], { ...context, signal: new AbortController().signal })))
  })
}
const report = makeReport(
  [...story, ending].map(({ name }) => name),
  results,
  context.pushToReadyMs,
)
const { report: file } = options
if (file !== undefined) await unlessItFails(`writing ${file}`, () => writeReport(file, report))

for (const { name, ok, detail } of results) if (!ok) console.error(`${name}: ${detail}`)
console.log(
  report.ok
    ? `Every step held; the story took ${formatElapsed(toldInMs)}. Push to ready: ${context.pushToReadyMs.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', ')}.`
    : 'The story did not come to its end.',
)
if (!report.ok) process.exitCode = 1

/** Rejects, before anything is made, where the story can not begin. */
async function chosenBackend(): Promise<LocalBackend> {
  const { backend, why } = await chooseBackend({
    ...(options.backend && { asked: options.backend }),
    run: processRunner(AbortSignal.timeout(20_000)),
    isRoot: process.getuid?.() === 0,
    asRoot: asRoot(commandTyped('demo', 'demo', process.argv.slice(2))),
  })
  if (options.report !== undefined) await assertReportable(options.report)
  if ((await backend.find(options.name)) !== undefined) throw new ClusterIsUpError(options.name, backend.name)
  console.log(why)
  return backend
}

async function tellStory(): Promise<void> {
  const startedAt = performance.now()
  results.push(...(await tell(story, context)))
  toldInMs = performance.now() - startedAt
  const isTold = results.length === story.length && results.every(({ ok }) => ok)
  if (!isTold) {
    const told = await lastTold(context)
    if (told !== undefined) console.error(`The Delivery says: ${told}`)
  } else if (!options.once) {
    console.log(whatToLookAt(context))
    await untilAborted(interruption.signal)
  }
}

/** What fails is told at once and in full, and what comes after it is done all the same. */
async function unlessItFails(what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    process.exitCode = 1
    console.error(`${what} failed:`, error)
  }
}

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
