/**
 * One answer of a program that asks a host which is not ours, as it prints it. Where a command answers otherwise after a
 * change, it has a recording more, behind the first.
 */
export interface Recording {
  /** How the command line begins; the options that all of a program's calls have are left out. */
  readonly command: string
  /** How the change begins after which this is the answer. */
  readonly after?: string
  readonly stdout?: string
  readonly stderr?: string
  readonly exitCode?: number
}

/** What is printed as JSON. */
export function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2)
}
