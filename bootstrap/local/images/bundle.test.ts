import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { request } from 'undici'
import { bundleProgram } from './bundle.ts'
import { programs } from './image-context.ts'

const checkout = fileURLToPath(new URL('../../..', import.meta.url))

t.test('the predictor serves from its bundle alone, Swagger UI included', async (t) => {
  const out = join(await temporaryDir(t), 'app')
  t.equal(await bundleProgram({ root: checkout, out, ...programs.predictor }), 'server.mjs')
  const origin = await serve(t, join(out, 'server.mjs'), { REVISION: 'abc1234' })
  const get = async (path: string) => {
    const { statusCode, body } = await request(new URL(path, origin))
    return { status: statusCode, text: await body.text() }
  }
  t.same(await get('/version'), { status: 200, text: '{"revision":"abc1234"}' })
  t.match(await get('/docs/static/swagger-ui-bundle.js'), { status: 200, text: /SwaggerUIBundle/ })
  t.match(await get('/metrics'), { status: 200, text: /^http_requests_total\{/m })
})

t.test('the same sources give the same bytes wherever the checkout lies', async (t) => {
  const dir = await temporaryDir(t)
  const clone = join(dir, 'a', 'clone')
  await cp(join(checkout, 'predictor'), join(clone, 'predictor'), { recursive: true })
  await symlink(join(checkout, 'node_modules'), join(clone, 'node_modules'))

  for (const [root, name] of [
    [checkout, 'one'],
    [clone, 'other'],
  ] as const) {
    await bundleProgram({ root, out: join(dir, name), ...programs.predictor })
  }
  for (const file of ['server.mjs', 'server.mjs.map', 'THIRD-PARTY-NOTICES']) {
    const [one, other] = await Promise.all(['one', 'other'].map((name) => readFile(join(dir, name, file), 'utf8')))
    t.ok(one === other, file)
    t.notMatch(one, dirname(checkout), `${file} tells nothing of this machine`)
  }
})

t.test('a program holds no more memory for its own text than it must', async (t) => {
  const dir = await temporaryDir(t)
  for (const [name, program] of Object.entries(programs)) {
    const file = await bundleProgram({ root: checkout, out: join(dir, name), ...program })
    const text = await readFile(join(dir, name, file), 'latin1')
    t.notOk(/[^\0-\x7f]/.test(text), `${name}: one character beyond Latin-1 would double it`)
    t.notOk(/\bV1PodList\b/.test(text), `${name}: no model of the API that is not used`)
    const imported = [...text.matchAll(/\bimport\b[^'"();]*from\s*["'](?<module>[^"']+)["']/g)].map(
      ({ groups }) => groups?.['module'],
    )
    t.same(new Set(imported), new Set(['node:module', 'node:url']), `${name}: Node's own modules are required`)
  }
})

t.test('the licences of what is bundled travel along', async (t) => {
  const out = join(await temporaryDir(t), 'app')
  await bundleProgram({ root: checkout, out, ...programs.predictor })
  const notices = await readFile(join(out, 'THIRD-PARTY-NOTICES'), 'utf8')
  for (const name of ['fastify', 'pino', 'prom-client', '@fastify/swagger-ui']) {
    t.match(notices, new RegExp(`^==== ${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'))
  }
  t.match(notices, 'Permission is hereby granted, free of charge')
})

async function serve(
  t: { teardown: (clear: () => Promise<void>) => void },
  program: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(process.execPath, [program], {
    cwd: dirname(program),
    env: { PORT: '0', HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const lines = createInterface(child.stdout)
  const [line] = (await Promise.race([
    once(lines, 'line'),
    ended.then(() => Promise.reject(new Error('it ended before it listened'))),
  ])) as [string]
  return /http:\S+?:\d+/.exec(line)?.[0] ?? ''
}

async function temporaryDir(t: { teardown: (clear: () => Promise<void>) => void }): Promise<string> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'windlass-bundle-')))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}
