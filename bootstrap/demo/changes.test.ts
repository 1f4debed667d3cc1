import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { parse } from 'yaml'
import { checkout } from '../local/checkout.ts'
import { freePort } from '../local/free-port.ts'
import { waitFor } from '../local/wait.ts'
import { budgets, changes, type ReleaseName } from './changes.ts'
import { makeScratchRepository } from './scratch-repository.ts'

const { signal } = new AbortController()

t.test('each release of the story changes something of what is checked out, and of the one before', async (t) => {
  const scratch = await makeScratchRepository(checkout, join(t.testdir(), 'scratch'), signal)
  const commits = new Set([(await scratch.head()).sha])
  for (const change of Object.values(changes)) {
    if (change !== undefined) commits.add((await scratch.commit(change)).sha)
  }
  t.equal(commits.size, Object.keys(changes).length)
})

t.test('the bad release starts and lives, and is never ready', async (t) => {
  const port = await freePort()
  const server = await startReleased(t, 'bad', port)
  const status = async (path: string) => {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`)
    await body.dump()
    return statusCode
  }
  await waitFor(
    async () => status('/livez').catch(() => undefined),
    () => 'the predictor to listen',
    { timeoutMs: 60_000 },
  )
  t.equal(await status('/livez'), 200)
  t.equal(await status('/readyz'), 503)
  t.equal(server.exitCode, null)
})

t.test('the crashing release ends as it starts, and says why', async (t) => {
  const server = await startReleased(t, 'crashing', await freePort())
  const [said, [exitCode]] = await Promise.all([text(server.stderr), once(server, 'exit')])
  t.match(said, /PRICE_FEED_URL must be set/)
  t.equal(exitCode, 1)
})

t.test('the last release gives the disruption budget another name', async (t) => {
  const scratch = await makeScratchRepository(checkout, join(t.testdir(), 'scratch'), signal)
  const { last } = changes
  if (last === undefined) throw new Error('the last release changes something')
  const nameOf = async (): Promise<unknown> => {
    const { metadata } = parse(await readFile(join(scratch.path, last.file), 'utf8'))
    return metadata.name
  }
  t.equal(await nameOf(), budgets.before)
  await scratch.commit(last)
  t.equal(await nameOf(), budgets.after)
})

/** The predictor as that release holds it, run from its source. */
async function startReleased(t: Test, name: ReleaseName, port: number) {
  const scratch = await makeScratchRepository(checkout, join(t.testdir(), 'scratch'), signal)
  const change = changes[name]
  if (change !== undefined) await scratch.commit(change)
  const server = spawn(process.execPath, [join(scratch.path, 'predictor', 'src', 'server.ts')], {
    env: { PORT: String(port), HOST: '127.0.0.1', LOG_LEVEL: 'silent' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.teardown(() => server.kill('SIGKILL'))
  return server
}
