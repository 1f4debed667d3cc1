import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ConfigError, parseConfig, requireProfile } from './config.ts'
import { exampleFile, howToBegin, isProfile } from './examples.ts'
import { profiles } from './profiles.ts'
import { stackFile, stackNames, synthesize } from './synth.ts'

const usage = `npm run synth -- --profile dev|prod [--config FILE] [--out DIR]
  --profile  which of infra/examples, where no file is named; else the file's own, as a check
  --config   an environment's file, as infra/environments holds them
  --out      where to write; a folder of the environment's name under the system's temporary one, if not given`

export interface Terminal {
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

/** Writes the stacks that the arguments ask for, and answers the exit code. */
export async function runSynth(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await synthesizeAsked([...args], terminal)
  } catch (error) {
    if (!isExpected(error)) throw error
    terminal.err(error.message)
    return 1
  }
}

async function synthesizeAsked(args: string[], { out, err }: Terminal): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { profile: { type: 'string' }, config: { type: 'string' }, out: { type: 'string' } },
  })
  const { profile, config: named } = values
  if (profile !== undefined && !isProfile(profile)) {
    err(`there is no profile '${profile}'; there are: ${Object.keys(profiles).join(', ')}\n\n${usage}`)
    return 2
  }
  const file = named ?? (profile && exampleFile(profile))
  if (file === undefined) {
    err(`--profile or --config is missing\n\n${usage}`)
    return 2
  }
  const config = parseConfig(parseJson(file, await read(file)))
  if (profile !== undefined) requireProfile(config, profile)
  const folder = resolve(values.out ?? join(tmpdir(), `windlass-infra-${config.environment}`))
  synthesize(config, folder)
  for (const name of stackNames) out(shortPath(stackFile(folder, name)))
  return 0
}

/** A way that leads up is longer than the whole one. */
function shortPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') ? path : short
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isMissingFile(error)) throw new ConfigError([`there is no file ${file}: ${howToBegin(file)}`])
    throw error
  }
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new ConfigError([`${file} is not JSON: ${error.message}`])
    throw error
  }
}

function isExpected(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const isBadArgument = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  return error instanceof ConfigError || isBadArgument
}

function isMissingFile(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
