import { Client } from 'undici'
import type { SpawnedProcess } from './process.ts'
import { tailOf } from './process.ts'
import { waitFor } from './wait.ts'

export interface ApiServerAddress {
  readonly url: string
  readonly caPem: string
}

/** Processes without which something does not come up, by name. */
export type NeededProcesses = Readonly<Record<string, Pick<SpawnedProcess, 'exit' | 'logFile'>>>

/** Waits for /readyz; the error of a server that does not come up carries the last lines of the logs. */
export async function waitUntilReady(
  address: ApiServerAddress,
  processes: NeededProcesses,
  signal?: AbortSignal,
): Promise<void> {
  let lastAnswer = 'no answer yet'
  await waitFor(
    async () => {
      await assertUp(processes)
      const answer = await askReady(address, signal)
      lastAnswer = answer.text
      return answer.isReady || undefined
    },
    async () => [`${address.url}/readyz: ${lastAnswer}`, await lastWords(processes)].join('\n'),
    { timeoutMs: 60_000, ...(signal && { signal }) },
  )
}

/** Whether the API server says that it is ready, and its words; anyone may ask. */
export async function askReady(
  { url, caPem }: ApiServerAddress,
  signal?: AbortSignal,
): Promise<{ readonly isReady: boolean; readonly text: string }> {
  const client = new Client(url, { connect: { ca: caPem, timeout: 3_000 }, headersTimeout: 3_000, bodyTimeout: 3_000 })
  try {
    const { statusCode, body } = await client.request({
      method: 'GET',
      path: '/readyz?verbose',
      ...(signal && { signal }),
    })
    return { isReady: statusCode === 200, text: `${statusCode} ${await body.text()}` }
  } catch (error) {
    signal?.throwIfAborted()
    return { isReady: false, text: error instanceof Error ? error.message : String(error) }
  } finally {
    await client.destroy()
  }
}

/** Throws when one of the processes has ended, with the end of its log. */
export async function assertUp(processes: NeededProcesses): Promise<void> {
  for (const [name, process] of Object.entries(processes)) {
    const exit = process.exit()
    if (exit) throw new Error(`${name} did not stay up: ${exit}:\n${await tailOf(process.logFile)}`)
  }
}

/** The very end of every process's log. */
export async function lastWords(processes: NeededProcesses): Promise<string> {
  const logs = Object.entries(processes).map(
    async ([name, { logFile }]) => `last lines of ${name}:\n${await tailOf(logFile, 4)}`,
  )
  return (await Promise.all(logs)).join('\n')
}
