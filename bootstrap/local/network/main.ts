// Writes down who in the cluster talks to whom: every connection that the kernel tracks, and the pods, Namespaces and
// NetworkPolicies of the API beside them. Runs in the cluster's network namespace until it is ended.
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { entriesOf, type WatchedKind, watchedKinds } from './watched.ts'
import { parseConntrack } from './conntrack.ts'
import type { Entry } from './recording.ts'

const { values } = parseArgs({ options: { kubectl: { type: 'string' }, out: { type: 'string' } }, strict: true })
const { kubectl, out } = values
if (kubectl === undefined || out === undefined) throw new Error('usage: main.ts --kubectl PROGRAM --out FILE')

const file = createWriteStream(out, { flags: 'a' })
const children = new Set<ChildProcess>()
const stopped = new AbortController()

process.once('SIGTERM', () => {
  stopped.abort()
  for (const child of children) child.kill('SIGTERM')
  file.end()
})

void followConnections()
for (const kind of watchedKinds) void followObjects(kind)

function write(entry: Entry): void {
  if (!stopped.signal.aborted) file.write(`${JSON.stringify(entry)}\n`)
}

async function followConnections(): Promise<void> {
  // A burst that overruns the buffer ends it, and that is an entry of its own: nothing goes missing unsaid.
  const args = ['--event', '--event-mask', 'NEW', '--family', 'ipv4', '--buffer-size', '16777216']
  const reason = await follow('conntrack', args, (line) => {
    const connection = parseConntrack(line)
    if (connection !== undefined) write({ kind: 'connection', atMs: Date.now(), ...connection })
  })
  if (stopped.signal.aborted) return
  write({ kind: 'lost', why: `conntrack ended: ${reason}` })
  process.exitCode = 1
}

/** A watch ends now and then, and with the API server; it is begun anew, which tells everything again. */
async function followObjects(kind: WatchedKind): Promise<void> {
  while (!stopped.signal.aborted) {
    if (kind === 'networkpolicies') write({ kind: 'policies-anew' })
    const args = ['get', kind, '--all-namespaces', '--watch', '--output-watch-events', '--output=json']
    await follow(kubectl ?? '', args, (line) => {
      for (const entry of entriesOf(kind, line)) write(entry)
    })
    await sleep(200, undefined, { signal: stopped.signal }).catch(() => undefined)
  }
}

/** Answers what a program said last, on stderr, when it has ended. */
async function follow(program: string, args: readonly string[], onLine: (line: string) => void): Promise<string> {
  const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  const ended = new Promise<string>((resolve) => {
    child.once('error', ({ message }) => resolve(message))
    child.once('close', (code, signal) => resolve(`${signal ?? code}`))
  })
  let said = ''
  createInterface({ input: child.stderr }).on('line', (line) => {
    said = line
  })
  createInterface({ input: child.stdout }).on('line', onLine)
  const end = await ended
  children.delete(child)
  return `${end} ${said}`
}
