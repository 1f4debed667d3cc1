import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { findToolchain } from './go-toolchain.ts'
import type { ToolName } from './tools.ts'
import { CommandFailed, run } from './run.ts'

t.setTimeout(580_000)

// The one place that Go keeps apart by what changes a program; without it the standard library is compiled each time.
const { go } = await findToolchain(undefined)
const { stdout: compiled } = await run(go, ['env', 'GOCACHE'])
const shared = { GOCACHE: compiled.trim() }

/** Asks for tools in a process of its own, with a cache of the test's. */
async function ensure(names: readonly ToolName[], env: Readonly<Record<string, string>>) {
  const script = [
    `import { ensureTools } from ${JSON.stringify(new URL('tools.ts', import.meta.url).href)}`,
    `const steps = []`,
    `try {`,
    `  const paths = await ensureTools(${JSON.stringify(names)}, { onStep: (step) => steps.push(step) })`,
    `  console.log(JSON.stringify({ paths, steps }))`,
    `} catch (error) {`,
    `  console.error(error.message)`,
    `  process.exit(1)`,
    `}`,
  ].join('\n')
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env: { ...shared, ...env } })
  return JSON.parse(stdout) as { readonly paths: Record<string, string>; readonly steps: readonly string[] }
}

async function emptyFolder(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-tools-'))
  // Go writes its module cache read-only.
  t.teardown(() => run('chmod', ['-R', 'u+w', dir]).then(() => rm(dir, { recursive: true, force: true })))
  return dir
}

t.test('a tool is built once, whoever asks at the same time, and then found', async (t) => {
  const cache = await emptyFolder(t)
  const env = { XDG_CACHE_HOME: cache }
  const [one, two] = await Promise.all([ensure(['pause'], env), ensure(['pause'], env)])
  t.same(one.paths, two.paths)
  const building = [...one.steps, ...two.steps].filter((step) => step.startsWith('building pause (the first time'))
  t.equal(building.length, 1)
  t.ok(existsSync(one.paths['pause'] ?? ''))

  const again = await ensure(['pause'], env)
  t.same(again, { paths: one.paths, steps: [] })
  t.same((await readdir(join(cache, 'windlass', 'go'))).sort(), ['build.lock', 'pause'], 'nothing else is left')
})

t.test('the user’s own settings of Go do not change what is built', async (t) => {
  const plain = await ensure(['pause'], { XDG_CACHE_HOME: await emptyFolder(t) })
  const env = { GOFLAGS: '-mod=vendor -race', GOOS: 'windows', GOWORK: '/no/such/go.work', CGO_ENABLED: '1' }
  const odd = await ensure(['pause'], { XDG_CACHE_HOME: await emptyFolder(t), ...env })
  const hash = async (path = '') => (await run('sha256sum', [path])).stdout.split(' ')[0]
  t.equal(await hash(odd.paths['pause']), await hash(plain.paths['pause']))
})

t.test('a module that can’t be fetched is named, with where to look', async (t) => {
  const dir = await emptyFolder(t)
  const env = { XDG_CACHE_HOME: dir, GOMODCACHE: join(dir, 'modules'), GOPROXY: 'off' }
  const failing = ensure(['distribution'], env)
  await t.rejects(failing, CommandFailed)
  await failing.catch((error: unknown) => {
    t.match(
      error instanceof CommandFailed && error.stderr,
      /distribution could not be built: a module could not be fetched \(see go env GOPROXY\)/,
    )
  })
  t.notOk(existsSync(join(dir, 'windlass', 'go', 'distribution')), 'no half of a program is left')
})

t.test('a Go that is too old says which is needed', async (t) => {
  const bin = await emptyFolder(t)
  await run('sh', ['-c', `printf '#!/bin/sh\\necho go1.22.3\\necho amd64\\n' >${bin}/go && chmod +x ${bin}/go`])
  const failing = ensure(['pause'], { XDG_CACHE_HOME: bin, PATH: `${bin}:${process.env['PATH']}` })
  await failing.catch((error: unknown) => {
    t.match(error instanceof CommandFailed && error.stderr, /Go 1\.26 or newer is needed; .*go1\.22\.3/)
  })
  await t.rejects(failing)
})
