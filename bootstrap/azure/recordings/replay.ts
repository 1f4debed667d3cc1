import { commandLine, type Call, type Runner } from '../../calls/call.ts'
import { CommandFailed } from '../../local/run.ts'
import type { Recording } from './recording.ts'

/** A change that fails, once or as long as it is not taken away. */
export interface Failure extends Recording {
  readonly exitCode: number
}

/** What is run against recordings, and what was. */
export interface Replay {
  readonly run: Runner
  /** Command lines that were run, in their order; without the options that all calls of a program have. */
  readonly ran: string[]
  /** Recordings that come before all others. */
  readonly failures: Failure[]
}

/**
 * Answers calls from recordings; a call of which there is none is a mistake of the test, or of what it tests. Paths of
 * this run stand in recordings by a name in braces. Answers that a command gives anew as it is changed come from `listing`.
 */
export function replay(
  recordings: readonly Recording[],
  options: {
    readonly paths: Readonly<Record<string, string>>
    readonly subscription: string
    /** Told of each call that succeeds, for what it leaves on this machine. */
    readonly onSuccess?: (call: Call) => Promise<void>
    /** Answers what no recording can, as it depends on what was typed before. */
    readonly answer?: (line: string, ran: readonly string[]) => string | undefined
  },
): Replay {
  const ran: string[] = []
  const succeeded: string[] = []
  const failures: Failure[] = []
  const find = (line: string): Recording | undefined =>
    failures.find(({ command }) => line.startsWith(command)) ??
    recordings.findLast(
      ({ command, after }) =>
        line.startsWith(command) && (after === undefined || succeeded.some((done) => done.startsWith(after))),
    )
  const run: Runner = async (call) => {
    const line = shortLine(call, options)
    ran.push(line)
    const recording = find(line)
    if (recording === undefined) throw new Error(`there is no recording of: ${line}`)
    const { exitCode = 0, stderr = '' } = recording
    const stdout = options.answer?.(line, succeeded) ?? recording.stdout ?? ''
    if (exitCode === 0) {
      succeeded.push(line)
      await options.onSuccess?.(call)
    }
    if ([0, ...(call.accept ?? [])].includes(exitCode)) return { exitCode, stdout, stderr }
    throw new CommandFailed(`${line} ended with ${exitCode}: ${stderr}`, { exitCode, stdout, stderr })
  }
  return { run, ran, failures }
}

function shortLine(
  call: Call,
  { paths, subscription }: { readonly paths: Readonly<Record<string, string>>; readonly subscription: string },
): string {
  const line = commandLine(call)
    .replace(` --subscription ${subscription}`, '')
    .replace(' --only-show-errors --output json', '')
  return Object.entries(paths).reduce((text, [name, path]) => text.replaceAll(path, `{${name}}`), line)
}
