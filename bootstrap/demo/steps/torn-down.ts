import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platformDown } from '../../local/platform.ts'
import { run } from '../../local/run.ts'
import { stateDir } from '../../local/paths.ts'
import type { DemoContext } from '../context.ts'
import { eventually } from '../eventually.ts'
import { notOk, ok, type Step } from '../step.ts'

export const tornDown: Step<DemoContext> = {
  name: 'torn-down',
  title: 'Everything is taken down, and nothing is left',
  act: async ({ clusterName }, report) => {
    await platformDown({ name: clusterName, onStep: report })
  },
  check: ({ clusterName }, options) =>
    eventually(async (signal) => {
      const left = await leftovers(stateDir('clusters', clusterName), clusterName, signal)
      return left.length === 0
        ? ok('no process, mount, interface or namespace is left')
        : notOk(`left: ${left.join(', ')}`)
    }, options),
}

/** What on this machine still names the cluster, as the kernel tells it. */
async function leftovers(dir: string, name: string, signal: AbortSignal): Promise<readonly string[]> {
  const left: string[] = []
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const command = await readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '')
    if (command.includes(`${dir}/`)) left.push(`process ${pid} (${command.split('\0')[0]})`)
  }
  const mounts = await readFile('/proc/self/mounts', 'utf8')
  for (const line of mounts.split('\n')) if (line.includes(` ${dir}/`)) left.push(`mount ${line.split(' ')[1]}`)
  const namespaces = await run('ip', ['netns', 'list'], { signal })
  for (const line of namespaces.stdout.split('\n'))
    if (line.split(' ')[0]?.endsWith(name)) left.push(`namespace ${line}`)
  return left
}
