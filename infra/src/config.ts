import { Errors } from 'typebox/value'
import { profiles } from './profiles.ts'
import { ruleProblems } from './rules.ts'
import { environmentSchema, settingsSchema, type Environment, type Profile, type Settings } from './settings.ts'

/** One environment, complete and checked: what every construct is made from. */
export interface Config extends Environment {
  readonly settings: Settings
}

/** Holds every problem, so that none is found only after another was mended. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the environment is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/**
 * Reads an environment as the files of `infra/environments` and `infra/examples` hold it, and merges its overrides over its profile.
 * @throws {ConfigError} with a sentence for each rule that is broken.
 */
export function parseConfig(input: unknown): Config {
  const shape = shapeProblems(environmentSchema, input, '')
  if (shape.length > 0) throw new ConfigError(shape)

  const { override, ...environment } = input as Environment & { readonly override: object }
  const settings = merge(profiles[environment.profile], override)
  const settingsShape = shapeProblems(settingsSchema, settings, 'override')
  if (settingsShape.length > 0) throw new ConfigError(settingsShape)

  const config: Config = { ...environment, settings: settings as Settings }
  const problems = ruleProblems(config)
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

/** Refuses an environment that is asked for under another profile than its own: a name may be in use under that one. */
export function requireProfile(config: Config, profile: Profile): void {
  if (config.profile === profile) return
  throw new ConfigError([`profile is ${config.profile} in the environment's file, and ${profile} was asked for`])
}

function shapeProblems(
  schema: typeof environmentSchema | typeof settingsSchema,
  value: unknown,
  root: string,
): string[] {
  return Errors(schema, value).flatMap((error) => {
    const path = `${root}${error.instancePath.replaceAll('/', '.')}`.replace(/^\./, '') || 'the environment'
    if (error.keyword === 'additionalProperties') {
      return error.params.additionalProperties.map((key) => `${path}: there is no setting '${key}'`)
    }
    if (error.keyword === 'enum') return [`${path} must be one of ${error.params.allowedValues.join(', ')}`]
    // It repeats what the error of the part that it is about says.
    if (error.keyword === 'boolean') return []
    return [`${path} ${error.message}`]
  })
}

function merge(base: unknown, override: unknown): unknown {
  if (!isRecord(base) || !isRecord(override)) return override
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(override)) merged[key] = key in base ? merge(base[key], value) : value
  return merged
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
