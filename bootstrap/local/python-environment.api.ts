import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { run } from './run.ts'

t.setTimeout(900_000)

t.test(
  'a Python environment is made once, whoever asks at the same time, and made anew where it is not whole',
  async (t) => {
    const cache = t.testdir()
    const [one, two] = await Promise.all([ensure(cache), ensure(cache)])
    t.equal(one.bin, two.bin)
    t.equal([...one.steps, ...two.steps].filter((step) => step.startsWith('installing')).length, 1)
    await run(join(one.bin, 'python'), ['-I', '-c', 'import fastapi, uvicorn, uvloop, httptools, prometheus_client'])
    t.same(await ensure(cache), { bin: one.bin, steps: [] }, 'then it is found')

    await rm(join(one.bin, '..', 'whole'))
    await rm(join(one.bin, 'python'))
    t.match((await ensure(cache)).steps, [/^installing fastapi/])
    t.ok(existsSync(join(one.bin, 'python')))
    t.same(
      (await readdir(join(cache, 'windlass', 'python-environments'))).sort(),
      ['fastapi', 'install.lock'],
      'nothing else is left',
    )
  },
)

/** Asks for one in a process of its own, with a cache of the test's. */
async function ensure(cache: string): Promise<{ readonly bin: string; readonly steps: readonly string[] }> {
  const script = [
    `import { ensurePythonEnvironment } from ${JSON.stringify(new URL('python-environment.ts', import.meta.url).href)}`,
    'const steps = []',
    `const bin = await ensurePythonEnvironment('fastapi', { onStep: (step) => steps.push(step) })`,
    'console.log(JSON.stringify({ bin, steps: steps.filter((step) => !step.startsWith("waiting")) }))',
  ].join('\n')
  const args = ['--input-type=module', '-e', script]
  const { stdout } = await run(process.execPath, args, { env: { XDG_CACHE_HOME: cache } })
  return JSON.parse(stdout) as { readonly bin: string; readonly steps: readonly string[] }
}
