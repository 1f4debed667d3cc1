import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from '../backend.ts'
import type { NativeCluster } from '../native/cluster.ts'
import { waitFor } from '../wait.ts'
import { type Entry, type Judgement, judgeRecording, type Place } from './recording.ts'

const processName = 'connections'

function fileOf({ stateDir }: NativeCluster): string {
  return join(stateDir, 'connections.jsonl')
}

/** From now on, and as long as the cluster is up, every connection in it is written down. */
export async function recordConnections(cluster: NativeCluster, signal?: AbortSignal): Promise<void> {
  const program = join(import.meta.dirname, 'main.ts')
  const attachments = join(cluster.stateDir, 'cni', 'results')
  const args = [program, '--kubectl', cluster.kubectl, '--attachments', attachments, '--out', fileOf(cluster)]
  const started = await cluster.startProcess(processName, process.execPath, args, {
    env: { KUBECONFIG: cluster.kubeconfig },
  })
  await waitFor(
    async () => {
      // One that is there to be seen.
      await cluster.exec('kubectl', ['get', '--raw', '/readyz'], signal && { signal })
      return (await readEntries(cluster)).some(({ kind }) => kind === 'connection') || undefined
    },
    async () => `the first connection to be written down:\n${await readFile(started.logFile, 'utf8')}`,
    { timeoutMs: 30_000, everyMs: 500, ...(signal && { signal }) },
  )
}

/** What was written down until now, judged; undefined where nothing is written down. */
export async function judgeConnections(cluster: NativeCluster): Promise<Judgement | undefined> {
  const recorder = await cluster.findProcess(processName)
  if (recorder === undefined) return undefined
  return judgeRecording(await readEntries(cluster), await placeOf(cluster))
}

async function readEntries(cluster: NativeCluster): Promise<readonly Entry[]> {
  const text = await readFile(fileOf(cluster), 'utf8').catch(() => '')
  // What follows the last newline is half an entry still.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Entry)
}

async function placeOf(cluster: NativeCluster): Promise<Place> {
  const { stdout } = await cluster.exec('ip', ['-json', '-4', 'address'])
  const links = JSON.parse(stdout) as ReadonlyArray<{ readonly addr_info: ReadonlyArray<{ readonly local: string }> }>
  const node = new Set(links.flatMap(({ addr_info }) => addr_info.map(({ local }) => local)))
  // Where no pod is up, its cable's address is gone; it is the first of the pods' own.
  return { node: [...node, platform.podCidr.replace(/0\/\d+$/, '1')], podCidr: platform.podCidr }
}
