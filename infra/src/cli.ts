import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ConfigError, parseConfig, requireProfile } from './config.ts'
import { profiles } from './profiles.ts'
import type { Profile } from './settings.ts'
import { stackFile, stackNames, synthesize } from './synth.ts'

const usage = `npm run synth -- --profile dev|prod [--config FILE] [--out DIR]
  --profile  which of infra/environments, where no file is named; else the file's own, as a check
  --config   an environment's file
  --out      where to write; a folder of the environment's name under the system's temporary one, if not given`

const infra = join(import.meta.dirname, '..')

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
  const { profile } = values
  if (profile !== undefined && !isProfile(profile)) {
    err(`there is no profile '${profile}'; there are: ${Object.keys(profiles).join(', ')}\n\n${usage}`)
    return 2
  }
  if (profile === undefined && values.config === undefined) {
    err(`--profile or --config is missing\n\n${usage}`)
    return 2
  }
  const file = values.config ?? join(infra, 'environments', `${profile}.json`)
  const config = parseConfig(parseJson(file, await readFile(file, 'utf8')))
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

function isProfile(text: string): text is Profile {
  return Object.hasOwn(profiles, text)
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
  const isMissingFile = 'code' in error && error.code === 'ENOENT'
  return error instanceof ConfigError || isBadArgument || isMissingFile
}
