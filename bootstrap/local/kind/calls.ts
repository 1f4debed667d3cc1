import type { ProblemText } from '../../calls/problem.ts'
import { commandLine, type Call, type Runner } from '../../calls/call.ts'
import { explained as explainedBy } from '../../calls/explained.ts'
import { processRunner } from '../../calls/process-runner.ts'
import { lastLines, type CommandFailed } from '../run.ts'

/** A runner whose calls end when that signal does. */
export type RunnerFor = (signal?: AbortSignal) => Runner

/** Runs docker, kind and helm as they are on PATH, or where they are said to be. */
export function kindRunner(paths: Readonly<Record<string, string>> = {}): RunnerFor {
  return (signal) => explained(processRunner(signal ?? new AbortController().signal, paths))
}

/** A runner whose failures say what they mean here, and what to do. */
export function explained(run: Runner): Runner {
  return explainedBy(run, explain)
}

function explain(error: CommandFailed, call: Call): ProblemText {
  const said = error.stderr || error.stdout
  return {
    what: commandLine(call),
    why: error.exitCode === undefined ? error.message : `ended with ${error.exitCode}: ${lastLines(said, 12)}`,
    mend: mendOf(`${error.message}\n${said}`),
  }
}

const again = 'then type the same again: what was left half done is cleared first'

/**
 * What these programs say when they fail, and what helps. Of kind: https://kind.sigs.k8s.io/docs/user/known-issues/
 */
const knownFailures: readonly { readonly pattern: RegExp; readonly mend: string }[] = [
  {
    pattern: /permission denied while trying to connect to the docker/i,
    mend: 'let your user use Docker (sudo usermod -aG docker "$USER", and log in anew), or take --backend native',
  },
  {
    pattern: /cannot connect to the docker daemon|failed to connect to the docker API/i,
    mend: 'start the Docker engine (sudo systemctl start docker), or take --backend native',
  },
  { pattern: /could not be run: .*ENOENT/s, mend: 'the program is not on PATH: install it, or take --backend native' },
  {
    pattern: /too many open files|Multi-User System/,
    mend: `raise the limits of inotify (sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512), ${again}`,
  },
  { pattern: /no space left on device/, mend: `make room (docker system prune), ${again}` },
  { pattern: /toomanyrequests|pull rate limit/i, mend: `log in to Docker Hub (docker login) or wait, ${again}` },
  {
    pattern: /buildx component is missing|'buildx' is not a docker command|unknown flag: --(provenance|load)/,
    mend: "install Docker's buildx (Debian: docker-buildx, Docker's own packages: docker-buildx-plugin)",
  },
  {
    pattern: /i\/o timeout|no such host|TLS handshake timeout|connection reset|temporary failure in name resolution/i,
    mend: `the network did not answer: look at it, ${again}`,
  },
  { pattern: /No such container|is not running/, mend: 'the node is gone: take the cluster down, and up again' },
]

function mendOf(said: string): string {
  return knownFailures.find(({ pattern }) => pattern.test(said))?.mend ?? `read what it says, ${again}`
}
