// Writes down who in the cluster talks to whom: every connection that the kernel tracks, and the pods, Namespaces and
// NetworkPolicies of the API beside them. Runs in the cluster's network namespace until it is ended.
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, watch } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { addressesOf, entriesOf, type WatchedKind, watchedKinds } from './watched.ts'
import { parseConntrack } from './conntrack.ts'
import type { Entry } from './recording.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { kubectl: text, attachments: text, out: text }, strict: true })
const { kubectl, attachments, out } = values
if (kubectl === undefined || attachments === undefined || out === undefined) {
  throw new Error('usage: main.ts --kubectl PROGRAM --attachments FOLDER --out FILE')
}

const file = createWriteStream(out, { flags: 'a' })
const children = new Set<ChildProcess>()
const stopped = new AbortController()

process.once('SIGTERM', () => {
  stopped.abort()
  for (const child of children) child.kill('SIGTERM')
  file.end()
})

void followConnections()
void followAttachments(attachments)
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

/** The network plugin's folder: a file for each pod, while it has its address. */
async function followAttachments(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const told = new Set<string>()
  const tell = async (name: string): Promise<void> => {
    if (told.has(name)) return
    // It may be gone again, or be written still: then it changes once more.
    const entries = await readFile(join(folder, name), 'utf8')
      .then(addressesOf)
      .catch(() => undefined)
    if (entries === undefined || told.has(name)) return
    told.add(name)
    for (const entry of entries) write(entry)
  }
  const changes = watch(folder, { signal: stopped.signal })
  for (const name of await readdir(folder)) void tell(name)
  try {
    for await (const { filename } of changes) if (filename !== null) await tell(filename)
  } catch (error) {
    if (!stopped.signal.aborted) write({ kind: 'lost', why: `attachments are not followed any more: ${String(error)}` })
  }
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
