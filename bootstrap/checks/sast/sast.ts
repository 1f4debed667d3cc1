import { glob, mkdir, readFile, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import { ensurePythonEnvironment } from '../../local/python-environment.ts'
import { run } from '../../local/run.ts'

export interface Sast {
  /** `RULE FILE:LINE`, sorted. */
  readonly found: readonly string[]
  /** Files of which a part was not understood, and so not looked at. */
  readonly unread: readonly string[]
  readonly scanned: number
}

/** As `semgrep scan --json` answers: https://semgrep.dev/docs/semgrep-appsec-platform/json-and-sarif */
interface Answer {
  readonly results: ReadonlyArray<{
    readonly check_id: string
    readonly path: string
    readonly start: { readonly line: number }
  }>
  readonly errors: ReadonlyArray<{ readonly path?: string; readonly type: unknown }>
  readonly paths: { readonly scanned: readonly string[] }
}

/** Folders of njsscan's rules that are of programs like ours: no Electron, no database, no template engine, no browser. */
const categories = [
  'crypto',
  'dos',
  'eval',
  'exec',
  'generic',
  'headers',
  'jwt',
  'memory',
  'redirect',
  'ssrf',
  'traversal',
  'xml',
] as const

/** Looks through a folder of JavaScript with semgrep and njsscan's rules, offline. */
export async function findFaults(
  folder: string,
  options: { readonly onStep?: (step: string) => void } = {},
): Promise<Sast> {
  const bin = await ensurePythonEnvironment('njsscan', options)
  const where = 'import os, njsscan; print(os.path.join(os.path.dirname(njsscan.__file__), "rules", "semantic_grep"))'
  const rules = (await run(join(bin, 'python'), ['-I', '-c', where])).stdout.trim()
  const configs = categories.flatMap((category) => ['--config', join(rules, category)])
  const quietly = ['--quiet', '--json', '--metrics=off', '--disable-version-check', '--no-git-ignore']
  // Without a time limit for a file and a rule, so that a slow machine finds no less; with a bound for the whole.
  const { stdout } = await run(join(bin, 'semgrep'), ['scan', ...configs, ...quietly, '--timeout=0', '.'], {
    cwd: folder,
    // Its core is found on PATH.
    env: { PATH: `${bin}:${process.env['PATH']}` },
  })
  const { results, errors, paths } = JSON.parse(stdout) as Answer
  return {
    found: results.map(({ check_id, path, start }) => `${check_id.split('.').at(-1)} ${path}:${start.line}`).sort(),
    unread: [...new Set(errors.map(({ path, type }) => path ?? String(type)))].sort(),
    scanned: paths.scanned.length,
  }
}

/**
 * Writes a package's own sources, tests left out, as the JavaScript that the rules are of: types become spaces, so that
 * lines are the same. Answers how many there are.
 */
export async function writeStripped(root: string, source: string, out: string, leftOut: ReadonlySet<string>) {
  let count = 0
  for await (const file of glob(`${source}/**/*.{ts,mjs}`, { cwd: root })) {
    if (/\.(test|api|e2e)\.ts$|(^|\/)test-[^/]+$/.test(file) || leftOut.has(file)) continue
    const path = join(out, file.replace(/\.(ts|mjs)$/, '.js'))
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, stripTypeScriptTypes(await readFile(join(root, file), 'utf8')))
    count += 1
  }
  return count
}
