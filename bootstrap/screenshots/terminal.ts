import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { programEnv } from '../local/run.ts'

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export interface TerminalOptions extends TerminalSize {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** A program on a terminal of its own. */
export interface Terminal {
  /** All that it printed until now, with what moves the cursor and colours it. */
  readonly printed: () => string
  /** As a person would: `\u0003` is Ctrl-C. */
  readonly type: (text: string) => void
  /** Resolves when that was printed; rejects with the last of what was printed where the program ends before. */
  readonly until: (pattern: RegExp) => Promise<void>
  /** The program's exit code. */
  readonly ended: Promise<number>
}

export const ctrlC = '\u0003'

/** Runs a line of shell by util-linux' script(1): Node.js has no terminals to give. */
export function startOnTerminal(line: string, { columns, rows, env, cwd }: TerminalOptions): Terminal {
  const command = `stty cols ${columns} rows ${rows}; ${line}`
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A Ctrl-C on our own terminal is not typed on this one.
    detached: true,
    // Colours as a person at a terminal has them, also where this itself is run by CI.
    env: { ...programEnv(env), TERM: 'xterm-256color', FORCE_COLOR: undefined, NO_COLOR: undefined, CI: undefined },
    ...(cwd !== undefined && { cwd }),
  })
  let printed = ''
  let seen = (): void => {}
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    seen()
  })
  // What is typed after its end is heard by nobody.
  child.stdin.on('error', () => {})
  const ended = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : 1))
  return {
    printed: () => printed,
    type: (text) => void child.stdin.write(text),
    until: (pattern) =>
      new Promise((resolve, reject) => {
        seen = () => pattern.test(printed) && resolve()
        seen()
        ended.then(
          (code) =>
            reject(new Error(`'${line}' ended with ${code} before ${pattern} was printed:\n${printed.slice(-2_000)}`)),
          reject,
        )
      }),
    ended,
  }
}
