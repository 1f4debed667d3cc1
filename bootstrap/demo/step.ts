/** What a look at the world found; `detail` says it in words, either way. */
export interface Verdict {
  readonly ok: boolean
  readonly detail: string
}

/**
 * One step of the story. `act` changes the world, `check` looks at it: never at what the reconciler says of itself.
 * A check waits for what it looks for until the given deadline and may be repeated at any time.
 */
export interface Step<Context> {
  readonly name: string
  /** What a person reads while it runs. */
  readonly title: string
  /** What `act` reported last goes on being shown when the step has ended. */
  readonly keepsLastLine?: true
  readonly act?: (context: Context, report: (line: string) => void) => Promise<void>
  readonly check: (context: Context, options: CheckOptions) => Promise<Verdict>
}

export interface CheckOptions {
  /** How long the check may wait for the world to become what it should be. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export function ok(detail: string): Verdict {
  return { ok: true, detail }
}

export function notOk(detail: string): Verdict {
  return { ok: false, detail }
}
