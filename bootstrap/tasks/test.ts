// `npm test`: every tier, or the one that is named. What a tier needs beyond npm's packages is brought up once, before
// its first test, and taken down after its last. The end-to-end tier, which waits for most of its time, runs beside the
// others, which reckon. Where there are processors for it, what of it brings up clusters of its own runs beside what
// shares one.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { asRoot } from '../launch/as-root.mjs'
import { counted } from '../local/counted.ts'
import { runAttached } from './attached.ts'
import { followFile } from './follow-file.ts'
import { joinParts, type Outcome } from './outcome.ts'
import { problemOfResults } from './results-folder.ts'
import { isWorthAnotherTry, joinTries } from './second-try.ts'
import { createTapReader, type FinishedFile, type TestCounts } from './tap-report.ts'
import { byPlatform, chooseTests, findTests, isTierName, type TierName } from './test-files.ts'
import { exitCodeOf } from './verdict.ts'

export interface Tier {
  readonly name: TierName
  /** One test file's bound, in seconds. */
  readonly timeoutS: number
  readonly jobs: number
  /** Files that may run beside each other in as many runs; all in one where it is left out. */
  readonly parts?: (files: readonly string[]) => Promise<ReadonlyArray<readonly string[]>>
  /** Brings up what the tier's tests share, answers the environment that tells them of it, and how to take it down. */
  readonly prepare?: (signal: AbortSignal) => Promise<Shared>
}

interface Shared {
  readonly env: Readonly<Record<string, string>>
  readonly release: () => Promise<void>
}

interface TierRun extends Outcome {
  readonly tier: Tier
}

interface Part {
  readonly files: readonly string[]
  readonly folder: string
  readonly shared: Shared | undefined
}

interface Prepared {
  readonly testFiles: readonly string[]
  readonly startedAt: number
  readonly shared?: Shared
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const isRoot = process.getuid?.() === 0

const processors = availableParallelism()
/** More than eight files at once would wait for the one API server that they share. */
const jobs = Math.min(Math.max(processors, 2), 8)

export const tiers: Readonly<Record<TierName, Tier>> = {
  unit: { name: 'unit', timeoutS: 600, jobs },
  api: { name: 'api', timeoutS: 1_200, jobs, prepare: prepareApi },
  e2e: {
    name: 'e2e',
    timeoutS: 900,
    jobs: 1,
    // Two processors are at work all the time without that.
    ...(processors >= 4 && { parts: (files) => byPlatform(root, files) }),
    prepare: prepareE2e,
  },
}

const [tierName, ...named] = process.argv.slice(2)
if (tierName !== undefined && !isTierName(tierName)) {
  refuse([`There is no tier '${tierName}': npm test runs all, npm run test:unit, test:api and test:e2e one each.`])
}
const unwritable = problemOfResults(root)
if (unwritable !== undefined) refuse([unwritable], 1)
const files = tierName === undefined ? [] : await filesNamed(tierName)

const interruption = new AbortController()
const interrupted: { by?: 'SIGINT' | 'SIGTERM' | 'SIGHUP' } = {}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // A second one is swallowed: taking down what the tests shared goes to its end.
  process.on(signal, () => {
    interrupted.by ??= signal
    interruption.abort()
  })
}

const left: string[] = []
const { inTurn, beside } = chosen()
// tap's own progress on a terminal is of one run.
const isTold = !process.stdout.isTTY || beside !== undefined || inTurn.some(({ parts }) => parts !== undefined)
// tap would remove it at the start of each run, under the hands of the other.
await rm(join(root, '.tap', 'processinfo'), { recursive: true, force: true })
const total = { passed: 0, failed: 0, failures: [] as string[], empty: [] as string[] }
// What is built for it is built before any test runs: compilers would slow them down.
const up = beside && (await bringUp(beside))
const runs: TierRun[] = []
const lanes = [runInTurn(), ...(beside && up ? [runTests(beside, up).then((run) => void runs.push(run))] : [])]
// Where one breaks down, the other goes on to its end, and takes down what it has brought up.
for (const lane of await Promise.allSettled(lanes)) {
  if (lane.status === 'fulfilled') continue
  total.failed += 1
  total.failures.push(inspect(lane.reason))
}
const unsteady: string[] = []
const isAgain = beside !== undefined && total.failed === 0 && isWorthAnotherTry(runs)
for (const run of runs) addToTotal(isAgain ? await tryAgain(run) : run.counts)

for (const failure of unsteady) console.error(`unsteady, passed alone: ${failure}\n`)
for (const failure of total.failures) console.error(`failed: ${failure}\n`)
for (const name of total.empty) console.error(`not a test: ${name}`)
for (const reason of left) console.error(reason)
const failed = total.failed + total.empty.length
if (total.passed + failed === 0 && interrupted.by === undefined) console.error('No test ran.')
const cut = interrupted.by === undefined ? '' : `; interrupted by ${interrupted.by}, the rest did not run`
console.log(`${total.passed} passed, ${failed} failed${cut}`)
const { by: interruptedBy } = interrupted
const isIncomplete = left.length > 0
process.exitCode = exitCodeOf(
  { passed: total.passed, failed, isIncomplete, ...(interruptedBy && { interruptedBy }) },
  process.env['CI'] !== undefined,
)

async function filesNamed(tier: TierName): Promise<readonly string[]> {
  const choice = await chooseTests(root, tier, named)
  return choice.kind === 'chosen' ? choice.files : refuse(choice.problems)
}

function refuse(problems: readonly string[], exitCode = 2): never {
  for (const problem of problems) console.error(problem)
  process.exit(exitCode)
}

function chosen(): { readonly inTurn: readonly Tier[]; readonly beside?: Tier } {
  if (tierName === 'unit' || tierName === 'api') return { inTurn: [tiers[tierName]] }
  if (!isRoot) {
    left.push('Left out: the end-to-end tests. They bring up a real node and need root: ' + asRoot('npm run test:e2e'))
    return { inTurn: tierName === 'e2e' ? [] : [tiers.unit, tiers.api] }
  }
  return tierName === 'e2e' ? { inTurn: [tiers.e2e] } : { inTurn: [tiers.unit, tiers.api], beside: tiers.e2e }
}

async function runInTurn(): Promise<void> {
  for (const tier of inTurn) {
    if (interruption.signal.aborted) return
    const prepared = await bringUp(tier)
    if (prepared !== undefined) runs.push(await runTests(tier, prepared))
  }
}

/** What a busy machine alone breaks passes then, and is told with its failure; what is wrong fails again. */
async function tryAgain(run: TierRun): Promise<TestCounts> {
  const prepared = run.failed.length > 0 ? await bringUp(run.tier, run.failed) : undefined
  if (prepared === undefined) return run.counts
  const tries = joinTries(run, await runTests(run.tier, prepared))
  unsteady.push(...tries.unsteady)
  return tries.counts
}

function addToTotal(counts: TestCounts): void {
  total.passed += counts.passed
  total.failed += counts.failed
  total.failures.push(...counts.failures)
  total.empty.push(...counts.empty)
}

/** Undefined where there is no test, or the run was interrupted meanwhile. */
async function bringUp(tier: Tier, only: readonly string[] = files): Promise<Prepared | undefined> {
  const testFiles = only.length > 0 ? only : await findTests(root, tier.name)
  if (testFiles.length === 0) return undefined

  console.log(`\n${tier.name}: ${counted(testFiles.length, 'file')}`)
  const startedAt = Date.now()
  const shared = await tier.prepare?.(interruption.signal).catch((error: unknown) => {
    // Whatever an interruption breaks off on its way up fails in its own words; that it was one is told once, at the end.
    if (!interruption.signal.aborted) throw error
  })
  if (!interruption.signal.aborted) return { testFiles, startedAt, ...(shared !== undefined && { shared }) }
  await shared?.release()
  return undefined
}

async function runTests(tier: Tier, { testFiles, startedAt, shared }: Prepared): Promise<TierRun> {
  const folder = await mkdtemp(join(tmpdir(), 'windlass-tap-'))
  try {
    const parts = (await tier.parts?.(testFiles)) ?? [testFiles]
    const ran = parts.map((files, n) => runPart(tier, { files, folder: join(folder, `${n}`), shared }))
    const { counts, failed } = (await Promise.all(ran)).reduce(joinParts)
    for (const line of counts.told) console.log(`  ${line}`)
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    console.log(`${tier.name}: ${counts.passed} assertions passed, ${counts.failed} failed, ${seconds} s`)
    return { tier, counts, failed }
  } finally {
    await rm(folder, { recursive: true, force: true })
    await shared?.release()
  }
}

async function runPart(tier: Tier, { files, folder, shared }: Part): Promise<Outcome> {
  const output = join(folder, 'results.tap')
  const listed = join(folder, 'files')
  // Each file is a process that loads much of what the one before has loaded.
  const compileCache = join(folder, 'compiled')
  await mkdir(folder)
  await writeFile(listed, files.join('\n'))
  const results = followResults(output)
  const exitCode = await runAttached(
    'tap',
    [
      'run',
      '--disable-coverage',
      `--jobs=${tier.jobs}`,
      `--timeout=${tier.timeoutS}`,
      `--reporter=${isTold ? 'min' : 'base'}`,
      `--output-file=${output}`,
      // A run of listed files is a part of a greater one to tap, and leaves alone what others keep in its folder.
      `--save=${listed}`,
      ...files,
    ],
    { env: { ...shared?.env, NODE_COMPILE_CACHE: compileCache }, signal: interruption.signal, isPlain: isTold },
  )
  const counts = withLost(results.end(), files, results.told)
  const failed = files.filter((file) => results.told.get(file) !== true)
  // tap may fail for what is no assertion: a crash before the first, a test that never ended.
  if (exitCode === 0 || counts.failed > 0 || interruption.signal.aborted) return { counts, failed }
  const failures = [`${tier.name}: tap ended with ${exitCode}`]
  return { counts: { ...counts, failed: 1, failures }, failed }
}

/**
 * Reads tap's results as they are written. Where no terminal shows tap's own progress, each file that ends has a line,
 * and beside it at once why it failed: a run goes on for many minutes after that.
 */
function followResults(output: string) {
  /** Whether each file that has ended was well. */
  const told = new Map<string, boolean>()
  const reader = createTapReader((file) => {
    told.set(file.name, file.ok)
    if (isTold) tell(file)
  })
  const read = followFile(output, (text) => reader.write(text))
  const timer = setInterval(read, 2_000)
  // tap reports as failed what it is told to end in the midst of; that is not read any more.
  interruption.signal.addEventListener(
    'abort',
    () => {
      clearInterval(timer)
      read()
    },
    { once: true },
  )
  return {
    told,
    end(): TestCounts {
      clearInterval(timer)
      if (interruption.signal.aborted) return reader.soFar()
      read()
      return reader.end()
    },
  }
}

/** tap drops what was to follow a file that it killed, and says nothing of it. */
function withLost(counts: TestCounts, testFiles: readonly string[], told: ReadonlyMap<string, boolean>): TestCounts {
  const lost = interruption.signal.aborted ? [] : testFiles.filter((file) => !told.has(file))
  const failures = [...counts.failures, ...lost.map((file) => `${file}: it never ended, or never ran`)]
  return { ...counts, failed: counts.failed + lost.length, failures }
}

function tell({ name, ok, failures, seconds }: FinishedFile): void {
  const took = seconds === undefined ? '' : ` (${seconds} s)`
  console.log(`  ${ok ? 'ok' : 'not ok'} ${name}${took}`)
  for (const failure of failures) console.log(failure.replaceAll(/^/gm, '    '))
}

async function prepareApi(signal: AbortSignal): Promise<Shared> {
  const { startApiServer } = await import('../local/api-server.ts')
  const dir = await mkdtemp(join(tmpdir(), 'windlass-api-'))
  const server = await startApiServer({ dir, signal })
  return {
    env: { WINDLASS_TEST_KUBECONFIG: server.kubeconfig, WINDLASS_TEST_AUDIT_LOG: server.auditLog },
    release: async () => {
      await server.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function prepareE2e(signal: AbortSignal): Promise<Shared> {
  const { platformDown, platformUp } = await import('../local/platform.ts')
  const { testRepositories } = await import('../local/testing-platform.ts')
  const { clearAbandoned, nameOfOwn } = await import('../local/abandoned.ts')
  const { ensureTools } = await import('../local/tools.ts')
  const name = nameOfOwn('test')
  const onStep = (step: string): void => console.log(`  ${step}`)
  await clearAbandoned(onStep)
  // Before a test's time begins, and before others run beside.
  await ensureTools(['helm', 'kubeconform', 'kube-score', 'metrics-server'], { signal, onStep })
  const release = () => platformDown({ name })
  try {
    await platformUp({ name, delivered: testRepositories, recordsConnections: true, signal, onStep })
  } catch (error) {
    await release()
    throw error
  }
  return { env: { WINDLASS_TEST_CLUSTER: name }, release }
}
