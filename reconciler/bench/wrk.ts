import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../bootstrap/local/run.ts'
import { pinned, processors } from './http-server.ts'

export interface WrkFigures {
  readonly requestsPerSecond: number
  readonly p99Ms: number
}

const connections = 32

/** As many POSTs as a server answers, over kept connections, for that long. */
export async function driveWithWrk(url: string, seconds: number, signal: AbortSignal): Promise<WrkFigures> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-wrk-'))
  try {
    const script = join(dir, 'post.lua')
    await writeFile(script, 'wrk.method = "POST"\n')
    const flags = ['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`, '--latency']
    const [program, ...args] = pinned(processors.client, ['wrk', ...flags, '--script', script, url])
    const { stdout } = await run(program, args, { signal })
    return readWrk(stdout)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Throws where anything was not answered, or not with success: that would be fast, and say nothing. */
export function readWrk(output: string): WrkFigures {
  const trouble = /(Socket errors|Non-2xx or 3xx responses): .*/.exec(output)
  if (trouble !== null) throw new Error(`not all was answered: ${trouble[0]}`)
  const requestsPerSecond = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(output)?.[1])
  const [, number, unit = ''] = /^\s+99%\s+([\d.]+)(us|ms|s)$/m.exec(output) ?? []
  const p99Ms = Number(number) * (unitsMs[unit] ?? Number.NaN)
  if (Number.isNaN(requestsPerSecond) || Number.isNaN(p99Ms)) throw new Error(`wrk said something else: ${output}`)
  return { requestsPerSecond, p99Ms }
}

const unitsMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000 }
