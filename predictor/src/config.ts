/** One key of the environment: what it means, and how its text becomes a value. */
interface Key<Value> {
  readonly description: string
  /** Completes "must be …". */
  readonly expected: string
  readonly default: Value
  /** Undefined where the text is not what is expected. */
  readonly parse: (text: string) => Value | undefined
}

/** Every key of the environment that this program reads. Others under its prefix are refused: they are typing errors. */
export const keys = {
  PORT: wholeNumber(8080, [0, 65_535], 'Port to listen on; 0 takes a free one.'),
  HOST: text('0.0.0.0', /^[0-9A-Za-z.:_-]{1,255}$/, 'Address to listen on.'),
  LOG_LEVEL: choice(
    'info',
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'How much is logged; at debug, every request is.',
  ),
  REVISION: text(
    'unknown',
    /^[0-9A-Za-z._-]{1,64}$/,
    'The commit that this was built from, set in the image; what /version answers.',
  ),
  PREDICTOR_SEED: wholeNumber(1, [0, 0xffff_ffff], 'Seed of the simulation; replicas that share it answer the same.'),
  PREDICTOR_DRAIN_MS: wholeNumber(
    5_000,
    [0, 600_000],
    'How long requests are still served after SIGTERM, readiness being withdrawn already.',
  ),
  PREDICTOR_CLOSE_TIMEOUT_MS: wholeNumber(
    10_000,
    [1, 600_000],
    'How long requests under way may take after that, before their connections are cut.',
  ),
  PREDICTOR_MAX_EVENT_LOOP_DELAY_MS: wholeNumber(
    250,
    [0, 60_000],
    'Mean event loop delay from which on /predict and /quote answer 503; 0 never refuses.',
  ),
} as const satisfies Record<string, Key<unknown>>

export const prefix = 'PREDICTOR_'

export type LogLevel = (typeof keys.LOG_LEVEL)['default']

export interface Config {
  readonly port: number
  readonly host: string
  readonly logLevel: LogLevel
  readonly revision: string
  readonly seed: number
  readonly drainMs: number
  readonly closeTimeoutMs: number
  readonly maxEventLoopDelayMs: number
}

/** The environment does not describe a configuration; the message lists everything that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(['The configuration is not valid:', ...problems.map((problem) => `  - ${problem}`)].join('\n'))
    this.problems = problems
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/** Reads the configuration; an empty value counts as unset. Throws {@link ConfigError}. */
export function readConfig(env: Environment = process.env): Config {
  const problems = unknownKeys(env)
  const read = <Value>(name: string, key: Key<Value>): Value => {
    const given = env[name]
    if (!given) return key.default
    const value = key.parse(given)
    if (value === undefined) problems.push(`${name} is ${JSON.stringify(given)}, but must be ${key.expected}.`)
    return value ?? key.default
  }

  const config: Config = {
    port: read('PORT', keys.PORT),
    host: read('HOST', keys.HOST),
    logLevel: read('LOG_LEVEL', keys.LOG_LEVEL),
    revision: read('REVISION', keys.REVISION),
    seed: read('PREDICTOR_SEED', keys.PREDICTOR_SEED),
    drainMs: read('PREDICTOR_DRAIN_MS', keys.PREDICTOR_DRAIN_MS),
    closeTimeoutMs: read('PREDICTOR_CLOSE_TIMEOUT_MS', keys.PREDICTOR_CLOSE_TIMEOUT_MS),
    maxEventLoopDelayMs: read('PREDICTOR_MAX_EVENT_LOOP_DELAY_MS', keys.PREDICTOR_MAX_EVENT_LOOP_DELAY_MS),
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(config)
}

function unknownKeys(env: Environment): string[] {
  const known = Object.keys(keys).filter((name) => name.startsWith(prefix))
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .map((name) => `${name} is not known; with this prefix there are ${known.join(', ')}.`)
}

function wholeNumber(value: number, [least, most]: readonly [number, number], description: string): Key<number> {
  return {
    description,
    expected: `a whole number from ${least} to ${most}`,
    default: value,
    parse: (text) => {
      const number = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN
      return number >= least && number <= most ? number : undefined
    },
  }
}

function choice<const Value extends string>(
  value: NoInfer<Value>,
  values: readonly Value[],
  description: string,
): Key<Value> {
  return {
    description,
    expected: `one of ${values.join(', ')}`,
    default: value,
    parse: (text) => values.find((candidate) => candidate === text),
  }
}

function text(value: string, pattern: RegExp, description: string): Key<string> {
  return {
    description,
    expected: `text that matches ${pattern.source}`,
    default: value,
    parse: (text) => (pattern.test(text) ? text : undefined),
  }
}
