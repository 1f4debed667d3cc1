import { quoted } from '../launch/as-root.mjs'
import type { ExecResult } from '../local/backend.ts'

/** Every program that the bootstrap starts on Azure. */
export type Program = 'az' | 'terraform' | 'tofu' | 'kubectl' | 'kubelogin' | 'helm' | 'gh'

/** Those of a cluster in containers of this machine, beside helm. */
export type LocalProgram = 'docker' | 'kind'

/** One start of a program, as it is run, printed, logged and replayed. */
export interface Call {
  readonly program: Program | LocalProgram
  readonly args: readonly string[]
  /** To stdin; it is neither printed nor logged. */
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Exit codes that are answers; 0 always is. */
  readonly accept?: readonly number[]
  /** What it answers holds secrets: the log has its length alone. */
  readonly isSecret?: true
}

/** Runs a call to its end; rejects with `CommandFailed` where it ends with a code that is no answer. */
export type Runner = (call: Call) => Promise<ExecResult>

/** Options of a call by name: a value, several values, or `true` for one that has none; what is undefined is left out. */
export type CallOptions = Readonly<Record<string, string | readonly string[] | true | undefined>>

/** The arguments of a call: the words of its command, then its options. */
export function argumentsOf(command: string, options: CallOptions = {}): readonly string[] {
  const flags = Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined) return []
    return [`--${name}`, ...(value === true ? [] : [value].flat())]
  })
  return [...command.split(' '), ...flags]
}

/** A call as a person would type it. */
export function commandLine({ program, args }: Pick<Call, 'program' | 'args'>): string {
  return [program, ...args].map(quoted).join(' ')
}

/** Runs a call that answers with JSON. */
export async function askJson<Answer>(run: Runner, call: Call): Promise<Answer> {
  const { stdout } = await run(call)
  try {
    return JSON.parse(stdout) as Answer
  } catch (error) {
    throw new Error(`'${commandLine(call)}' did not answer with JSON: ${stdout.slice(0, 200)}`, { cause: error })
  }
}
