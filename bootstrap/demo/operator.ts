import { clusterOf, type DemoContext } from './context.ts'
import { predictorNamespace } from './names.ts'

export type Report = (line: string) => void

/** What an operator does by hand, told as it would be typed. */
export async function operate(
  context: DemoContext,
  args: readonly string[],
  { report, env }: { readonly report?: Report; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  report?.(typed(args, env))
  const { stdout } = await clusterOf(context).exec('kubectl', args, { signal: context.signal, ...(env && { env }) })
  return stdout
}

export const inPredictor = ['--namespace', predictorNamespace] as const

/** Arguments of `kubectl annotate` for the predictor's Delivery; `name-` takes one away. */
export function annotation(...annotations: readonly string[]): readonly string[] {
  return [...inPredictor, 'annotate', '--overwrite', 'delivery', 'predictor', ...annotations]
}

/** A command line as a shell would take it. */
export function typed(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const settings = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}`)
  const short = args.map((arg) => (arg === '--namespace' ? '-n' : quoted(arg)))
  return ['$', ...settings, 'kubectl', ...short].join(' ')
}

/** Where it is a setting, its value alone. */
function quoted(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text
  const [, setting = '', value = ''] = /^([\w./-]+=)?(.*)$/s.exec(text) ?? []
  return `${setting}'${value.replaceAll("'", String.raw`'\''`)}'`
}
