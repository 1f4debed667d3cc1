// `npm run bench -- predictor [--rounds N] [--seconds N] [--json]`: how many requests the predictor answers, beside a bare
// node:http server with the same answer and the service before it, in FastAPI.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkout } from '../../bootstrap/local/checkout.ts'
import { ensurePackages } from '../../bootstrap/local/debian.ts'
import { bundleProgram } from '../../bootstrap/local/images/bundle.ts'
import { programs } from '../../bootstrap/local/images/image-context.ts'
import { ensurePythonEnvironment } from '../../bootstrap/local/python-environment.ts'
import { run } from '../../bootstrap/local/run.ts'
import { argumentsOrExit } from './bench-arguments.ts'
import { describeLoad, say } from './bench-platform.ts'
import { sharesOf, type CpuProfile, type Share } from './cpu-profile.ts'
import { formatSpread, formatTable, spreadOf, type Spread } from './figures-table.ts'
import { pinned, processors, startServer, type HttpServer, type ServerCommand } from './http-server.ts'
import type { OfferedFigures } from './offered-load.ts'
import { driveWithWrk } from './wrk.ts'

const options = {
  rounds: { fallback: 5, min: 1, max: 100, what: 'how often each is measured, in turn' },
  seconds: { fallback: 5, min: 1, max: 60, what: 'how long each time' },
}
const asked = '/predict?symbol=BTC'
const ours = 'predictor'
const bare = 'node:http'
const fastapi = 'FastAPI'
const bench = join(checkout, 'predictor', 'bench')
/** As it is run in production: its fast event loop and parser, and no line of log for each request. */
const uvicornFlags = (
  `fastapi_app:app --app-dir ${bench} --host 127.0.0.1 --loop uvloop --http httptools ` +
  '--no-access-log --log-level warning'
).split(' ')

interface Row {
  readonly server: string
  readonly requestsPerSecond: Spread
  /** Of bare node:http's in the same round, in percent. */
  readonly percentOfBare: Spread
  /** At the offered rate. */
  readonly p50Us: Spread
  readonly p99Us: Spread
}

const { json, numbers } = argumentsOrExit('predictor', options)
const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => interruption.abort(new Error(`interrupted by ${name}`)))
}
const { signal } = interruption
const dir = await mkdtemp(join(tmpdir(), 'windlass-bench-'))
try {
  await ensurePackages(['load'], { signal, onStep: say })
  const { rows, rate } = await measureAll(await contenders())
  const shares = await profile()
  print(rows, rate, shares)
  say(describeLoad())
  if (json) console.log(JSON.stringify({ bench: 'predictor', offeredPerSecond: rate, rows, profile: shares }))
} catch (error) {
  if (!signal.aborted) throw error
  say('interrupted')
  process.exitCode = 130
} finally {
  await rm(dir, { recursive: true, force: true })
}

async function contenders(): Promise<readonly ServerCommand[]> {
  const uvicorn = join(await ensurePythonEnvironment('fastapi', { signal, onStep: say }), 'uvicorn')
  const app = join(dir, 'app')
  const file = await bundleProgram({ root: checkout, out: app, ...programs.predictor })
  const node = process.execPath
  return [
    { name: ours, command: () => [node, join(app, file)], env: { NODE_ENV: 'production', LOG_LEVEL: 'info' } },
    { name: bare, command: () => [node, join(bench, 'bare-server.ts')] },
    {
      name: fastapi,
      command: (port) => [uvicorn, '--port', String(port), ...uvicornFlags],
      env: { PYTHONDONTWRITEBYTECODE: '1' },
    },
  ]
}

/** All are up all the time, and measured in turn, so that whatever else the machine does meets each of them. */
async function measureAll(commands: readonly ServerCommand[]) {
  const servers: HttpServer[] = []
  try {
    for (const command of commands) servers.push(await startServer(command, asked, signal))
    say('warming up')
    for (const { url } of servers) await driveWithWrk(url, 2, signal)
    const most = await inTurn(servers, async ({ name, url }) => {
      const { requestsPerSecond } = await driveWithWrk(url, numbers.seconds, signal)
      say(`${name}: ${Math.round(requestsPerSecond)} requests/s`)
      return requestsPerSecond
    })
    // Half of what the slowest can do: each has time to spare, and shows what it does with it.
    const rate = Math.max(
      100,
      Math.floor(Math.min(...[...most.values()].map((all) => spreadOf(all).median)) / 200) * 100,
    )
    const offered = await inTurn(servers, async ({ name, url }) => {
      const figures = await offer(url, rate)
      say(
        `${name}: at ${rate} requests/s, half within ${toUs(figures.p50Ms)} µs, 99 % within ${toUs(figures.p99Ms)} µs`,
      )
      return figures
    })
    return { rate, rows: servers.map(({ name }) => rowOf(name, most, offered.get(name) ?? [])) }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function inTurn<T>(
  servers: readonly HttpServer[],
  measure: (server: HttpServer) => Promise<T>,
): Promise<ReadonlyMap<string, readonly T[]>> {
  const figures = new Map<string, T[]>(servers.map(({ name }) => [name, []]))
  for (let round = 0; round < numbers.rounds; round += 1) {
    for (const server of servers) figures.get(server.name)?.push(await measure(server))
  }
  return figures
}

async function offer(url: string, rate: number): Promise<OfferedFigures> {
  const program = join(checkout, 'reconciler', 'bench', 'offered-load.ts')
  const client = [process.execPath, program, url, String(rate), String(numbers.seconds)] as const
  const [command, ...args] = pinned(processors.client, [...client])
  return JSON.parse((await run(command, args, { signal })).stdout) as OfferedFigures
}

function rowOf(server: string, most: ReadonlyMap<string, readonly number[]>, offered: readonly OfferedFigures[]): Row {
  const all = most.get(server) ?? []
  return {
    server,
    requestsPerSecond: spreadOf(all.map(Math.round)),
    percentOfBare: spreadOf(all.map((figure, round) => Math.round((figure / (most.get(bare)?.[round] ?? 0)) * 100))),
    p50Us: spreadOf(offered.map(({ p50Ms }) => toUs(p50Ms))),
    p99Us: spreadOf(offered.map(({ p99Ms }) => toUs(p99Ms))),
  }
}

function toUs(ms: number): number {
  return Math.round(ms * 1_000)
}

/** The sources as they are, since a bundle does not tell packages apart. */
async function profile(): Promise<readonly Share[]> {
  const source = join(checkout, programs.predictor.entry)
  const flags = ['--cpu-prof', `--cpu-prof-dir=${join(dir, 'profile')}`]
  const command = {
    name: ours,
    command: () => [process.execPath, ...flags, source] as const,
    env: { LOG_LEVEL: 'error' },
  }
  const server = await startServer(command, asked, signal)
  try {
    await driveWithWrk(server.url, numbers.seconds, signal)
  } finally {
    await server.stop()
  }
  const [file = ''] = await readdir(join(dir, 'profile'))
  return sharesOf(JSON.parse(await readFile(join(dir, 'profile', file), 'utf8')) as CpuProfile)
}

function print(rows: readonly Row[], rate: number, shares: readonly Share[]): void {
  const columns = ['server', 'requests/s', '% of node:http', `50 % within, µs`, `99 % within, µs`]
  console.log(`least / median / most of ${numbers.rounds} rounds; the last two at ${rate} requests/s`)
  console.log(
    formatTable(
      columns,
      rows.map(({ server, ...spreads }) => [server, ...Object.values(spreads).map(formatSpread)]),
    ),
  )
  console.log('\nwhere the processor time of the predictor goes:')
  const shown = shares.filter(({ percent }) => percent >= 1)
  console.log(
    formatTable(
      ['%', 'in'],
      shown.map(({ where, percent }) => [percent.toFixed(1), where]),
    ),
  )
}
