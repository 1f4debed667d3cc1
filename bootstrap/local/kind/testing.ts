import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { replay, type Replay } from '../../azure/recordings/replay.ts'
import type { Call } from '../../calls/call.ts'
import type { LocalBackend } from '../backend.ts'
import { explained, type RunnerFor } from './calls.ts'
import { kindBackend } from './backend.ts'
import { node, volume, wellRecordings } from './recordings.ts'

export interface KindWorld extends Replay {
  readonly backend: LocalBackend
  /** Folder of all clusters; `{state}` in what was run. */
  readonly state: string
  readonly calls: Call[]
  /** Whether each call had a signal that could end it. */
  readonly signals: boolean[]
}

/** A machine whose Docker and kind answer from recordings, and whose state is in a folder of the test's own. */
export async function kindWorld(t: Test): Promise<KindWorld> {
  const home = await mkdtemp(join(tmpdir(), 'windlass-kind-'))
  const before = { state: process.env['XDG_STATE_HOME'], cache: process.env['XDG_CACHE_HOME'] }
  process.env['XDG_STATE_HOME'] = join(home, 'state')
  process.env['XDG_CACHE_HOME'] = join(home, 'cache')
  t.teardown(async () => {
    restore('XDG_STATE_HOME', before.state)
    restore('XDG_CACHE_HOME', before.cache)
    await rm(home, { recursive: true, force: true })
  })
  const state = join(home, 'state', 'windlass', 'kind')
  const calls: Call[] = []
  const signals: boolean[] = []
  const world = replay([...wellRecordings, { command: 'docker ps' }, { command: 'docker volume ls' }], {
    paths: { state },
    subscription: 'none',
    answer: (line, done) => {
      if (line.startsWith('docker ps')) return isThere(done) ? node : ''
      if (line.startsWith('docker volume ls')) return ['another', ...(isThere(done) ? [volume] : [])].join('\n')
      return undefined
    },
  })
  const runner: RunnerFor = (signal) =>
    explained((call) => {
      signal?.throwIfAborted()
      calls.push(call)
      signals.push(signal !== undefined)
      return world.run(call)
    })
  return { ...world, backend: kindBackend(runner), state, calls, signals }
}

function isThere(done: readonly string[]): boolean {
  const last = (start: string): number => done.findLastIndex((line) => line.startsWith(start))
  return last('kind create cluster') > last('kind delete cluster')
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}
