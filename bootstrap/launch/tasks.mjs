import { existsSync, readdirSync } from 'node:fs'
import { basename, delimiter, join, resolve } from 'node:path'

/**
 * What a task needs of the machine: Go and git to build programs from source, root to run its node.
 * @typedef {'go' | 'root'} Need
 *
 * `usage` may tell less where a program of the task tells more. `problem` is what files have to say of the arguments.
 *
 * What may be typed behind a task's name, where the launcher can say it before anything is installed.
 * @typedef {{ readonly flags: readonly string[], readonly words: (words: readonly string[]) => boolean }} Accepted
 *
 * @typedef {{
 *   readonly program: string,
 *   readonly usage?: string | ((args: readonly string[]) => string | undefined),
 *   readonly accepts?: Accepted,
 *   readonly problem?: (args: readonly string[], root: string) => string | undefined,
 *   readonly needs?: (args: readonly string[]) => readonly Need[],
 *   readonly isLocal?: boolean,
 * }} Task
 */

const usageOfBench = 'npm run bench -- NAME [OPTIONS]; npm run bench -- NAME --help lists the options'
const usageOfBootstrap =
  'npm run bootstrap -- azure [destroy] --environment NAME [--dry-run] [--terraform terraform|tofu] ' +
  '[--github print|set] [--image REFERENCE@DIGEST]'
const nothing = { flags: [], words: isEmpty }
const checkOnly = { flags: ['--check'], words: isEmpty }

/**
 * Every npm script's task. One without `accepts` reads its arguments itself; one that is local does without the packages
 * of infra/, whose binding of one cloud provider is 270 MB.
 * @type {Readonly<Record<string, Task>>}
 */
export const tasks = {
  demo: {
    program: 'bootstrap/tasks/demo.ts',
    usage: 'npm run demo [-- [--once] [--report FILE] [--name NAME] [--backend native|kind]]',
    accepts: { flags: ['--once', '--report', '--name', '--backend'], words: () => true },
    needs: needsOfDemo,
    isLocal: true,
  },
  screenshots: {
    program: 'bootstrap/tasks/screenshots.ts',
    usage: 'npm run screenshots',
    accepts: nothing,
    needs: () => needed('go', 'root'),
    isLocal: true,
  },
  cluster: { program: 'bootstrap/tasks/cluster.ts', needs: needsOfCluster, isLocal: true },
  bootstrap: {
    program: 'bootstrap/tasks/bootstrap.ts',
    usage: usageOfBootstrap,
    accepts: {
      flags: ['--environment', '--dry-run', '--terraform', '--github', '--image'],
      words: (words) => words.includes('azure'),
    },
  },
  bench: {
    program: 'bootstrap/tasks/bench.ts',
    usage: ([first]) => (first === undefined || first.startsWith('-') ? usageOfBench : undefined),
    problem: problemOfBench,
    needs: needsOfBench,
    isLocal: true,
  },
  test: {
    program: 'bootstrap/tasks/test.ts',
    usage: 'npm test | npm run test:unit|test:api|test:e2e [-- FILE …]',
    accepts: { flags: [], words: () => true },
    problem: problemOfTest,
    needs: needsOfTest,
  },
  check: {
    program: 'bootstrap/tasks/check.ts',
    usage: 'npm run check',
    accepts: nothing,
    // One of its linters is built from source.
    needs: () => needed('go'),
  },
  format: { program: 'bootstrap/tasks/format.ts', usage: 'npm run format', accepts: nothing },
  generate: { program: 'bootstrap/tasks/generate.ts', usage: 'npm run generate [-- --check]', accepts: checkOnly },
  synth: { program: 'infra/src/main.ts' },
  'infra:graph': {
    program: 'infra/src/graph/main.ts',
    usage: 'npm run infra:graph [-- --check]',
    accepts: checkOnly,
  },
  'infra:destroyed': { program: 'infra/src/destroyed/main.ts' },
  predictor: { program: 'predictor/src/server.ts', usage: 'npm start -w predictor', accepts: nothing, isLocal: true },
  windlass: { program: 'reconciler/src/cli/windlass.ts', isLocal: true },
  release: {
    program: 'bootstrap/tasks/release.ts',
    usage: 'npm run release -- predictor|reconciler [--name CLUSTER] [--sequence NUMBER]',
    needs: () => needed('root'),
    isLocal: true,
  },
  'release:build': { program: 'bootstrap/tasks/release-build.ts', isLocal: true },
  'release:sbom': { program: 'bootstrap/tasks/release-sbom.ts', isLocal: true },
  'image-context': {
    program: 'bootstrap/tasks/image-context.ts',
    usage: 'npm run image-context -- predictor|reconciler',
    accepts: { flags: [], words: (words) => words.length === 1 },
    isLocal: true,
  },
}

/**
 * What is wrong with a task's arguments, for a person; undefined where nothing is, or where the task says it itself.
 * @param {Task} task
 * @param {readonly string[]} args
 * @param {string} root Of the checkout.
 * @returns {string | undefined}
 */
export function problemOfArguments({ accepts, problem }, args, root) {
  if (accepts === undefined) return problem?.(args, root)
  const unknown = args.find((arg) => arg.startsWith('-') && !accepts.flags.includes(arg.split('=', 1)[0] ?? ''))
  if (unknown !== undefined) return `There is no option '${unknown}' here.`
  const words = args.filter((arg) => !arg.startsWith('-'))
  return accepts.words(words) ? problem?.(args, root) : `'${words.join(' ')}' is not what this takes.`
}

/**
 * @param {Task} task
 * @param {readonly string[]} args
 * @returns {readonly string[]}
 */
export function usageOf({ usage }, args) {
  const text = typeof usage === 'function' ? usage(args) : usage
  return text === undefined ? [] : [`Usage: ${text}`]
}

/** @type {(args: readonly string[], root: string) => string | undefined} */
function problemOfTest([, ...named], root) {
  const missing = named.filter((name) => !existsSync(resolve(root, name)))
  return missing.length > 0 ? `There is no file ${missing.join(', ')}.` : undefined
}

/** A benchmark has a name of one word; the parts of one have longer names (poll-registry.ts). */
/** @type {(args: readonly string[], root: string) => string | undefined} */
function problemOfBench([name = ''], root) {
  const folder = join(root, 'reconciler', 'bench')
  const isName = (/** @type {string} */ text) => /^[a-z]+$/.test(text)
  if (isName(name) && existsSync(join(folder, `${name}.ts`))) return undefined
  const known = readdirSync(folder).map((file) => basename(file, '.ts'))
  const what = name === '' ? 'Name a benchmark' : `There is no benchmark '${name}'`
  return `${what}; there are: ${known.filter(isName).sort().join(', ')}.`
}

/** A benchmark of the platform brings up a node. */
/** @type {(args: readonly string[]) => readonly Need[]} */
function needsOfBench([name]) {
  if (name === 'predictor') return []
  return name === 'poll' ? needed('go') : needed('go', 'root')
}

/** @param {readonly string[]} args */
export function asksForHelp(args) {
  return args.includes('--help') || args.includes('-h')
}

/** A cluster in containers needs no root; whether it can be had, the demo asks Docker and kind themselves. */
/** @type {(args: readonly string[]) => readonly Need[]} */
function needsOfDemo(args) {
  const asked = backendAsked(args)
  const mayBeKind = asked === 'kind' || (asked === undefined && isOnPath('docker') && isOnPath('kind'))
  return mayBeKind ? needed('go') : needed('go', 'root')
}

/** @param {readonly string[]} args */
function backendAsked(args) {
  return /(?:^| )--backend[= ](\S+)/.exec(args.join(' '))?.[1]
}

/** @param {string} program */
function isOnPath(program) {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

/** @type {(args: readonly string[]) => readonly Need[]} */
function needsOfCluster(args) {
  // A cluster that is there already is neither made nor removed.
  if (args.some((arg) => /^--context(=|$)/.test(arg))) return []
  if (backendAsked(args) === 'kind') return args.includes('up') ? needed('go') : []
  if (args.includes('up')) return needed('go', 'root')
  return args.length > 0 ? needed('root') : []
}

/** Without root the end-to-end tier is left out, and named; where it alone is asked for, nothing is left. */
/** @type {(args: readonly string[]) => readonly Need[]} */
function needsOfTest([tier]) {
  if (tier === 'unit') return []
  return tier === 'e2e' ? needed('go', 'root') : needed('go')
}

/** @param {...Need} needs */
function needed(...needs) {
  return needs
}

/** @param {readonly string[]} words */
function isEmpty(words) {
  return words.length === 0
}
