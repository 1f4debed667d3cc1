import { parseArgs } from 'node:util'

/** An option that takes a whole number: `--NAME 600`. */
export interface NumberOption {
  readonly fallback: number
  readonly min: number
  readonly max: number
  /** What it is, in words for a person. */
  readonly what: string
}

export type Arguments<Name extends string> =
  | { readonly kind: 'read'; readonly json: boolean; readonly numbers: Readonly<Record<Name, number>> }
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly problem: string }

/** Reads a benchmark's command line: `--json` and its own numbers; whatever else stands there is refused. */
export function readArguments<Name extends string>(
  args: readonly string[],
  options: Readonly<Record<Name, NumberOption>>,
): Arguments<Name> {
  const names = Object.keys(options) as Name[]
  const texts = names.map((name) => [name, { type: 'string' }] as const)
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        ...Object.fromEntries(texts),
      },
    })
    if (values.help) return { kind: 'help' }
    const given: Readonly<Record<string, unknown>> = values
    const numbers = names.map((name) => [name, readNumber(name, given[name], options[name])] as const)
    return { kind: 'read', json: values.json, numbers: Object.fromEntries(numbers) as Record<Name, number> }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { kind: 'refused', problem: error.message }
  }
}

/** Ends the process with 2 where the command line is refused, with 0 after help. */
export function argumentsOrExit<Name extends string>(
  bench: string,
  options: Readonly<Record<Name, NumberOption>>,
): Extract<Arguments<Name>, { kind: 'read' }> {
  const read = readArguments(process.argv.slice(2), options)
  if (read.kind === 'read') return read
  if (read.kind === 'help') {
    console.log(usage(bench, options))
    return process.exit(0)
  }
  console.error(`${read.problem}\n\n${usage(bench, options)}`)
  return process.exit(2)
}

export function usage(bench: string, options: Readonly<Record<string, NumberOption>>): string {
  const lines = Object.entries(options).map(
    ([name, { what, fallback, min, max }]) => `  --${name} N`.padEnd(20) + `${what} (${min} to ${max}, ${fallback})`,
  )
  return [
    `npm run bench -- ${bench} [OPTIONS]`,
    ...lines,
    '  --json'.padEnd(20) + 'one JSON object on the last line',
  ].join('\n')
}

function readNumber(name: string, text: unknown, { fallback, min, max }: NumberOption): number {
  if (text === undefined) return fallback
  const number = typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw new Error(`--${name} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`)
}
