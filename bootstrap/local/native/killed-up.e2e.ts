import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { nativeBackend } from './backend.ts'
import { clusterName, hostSettings, kubectl, leftovers, tracesOf } from './testing.ts'

t.setTimeout(600_000)

const task = fileURLToPath(new URL('../../tasks/cluster.ts', import.meta.url))
const steps = [
  'reserving a network',
  'making a control group and namespaces',
  'starting etcd, the API server and containerd',
  'starting the controllers, the scheduler, the node and DNS',
  'waiting for the node, DNS and Services',
  'the cluster is up',
]
/** How long after a step begins: at once, and in the middle of the step. */
const delaysMs = [0, 25, 120, 900]

/** Runs the command as a person does, and kills it some time after it has said a step. */
async function killAt(command: 'up' | 'down', name: string, step: string, delayMs: number): Promise<void> {
  const child = spawn(process.execPath, [task, command, '--name', name], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (line.endsWith(step)) break
  }
  if (!lines.at(-1)?.endsWith(step)) throw new Error(`${command} never said '${step}':\n${lines.join('\n')}`)
  await sleep(delayMs)
  child.kill('SIGKILL')
  await ended
}

for (const step of steps) {
  t.test(`a kill at or after '${step}' leaves nothing that down does not clear`, async (t) => {
    const before = await hostSettings()
    for (const delayMs of delaysMs) {
      const name = clusterName(t)
      await killAt('up', name, step, delayMs)
      const traces = await tracesOf(name)
      await nativeBackend().down({ name })
      t.same(await leftovers(name, traces), [], `killed ${delayMs} ms after the step began`)
    }
    t.same(await hostSettings(), before, 'the host is as it was')
  })
}

t.test('up after a killed up clears what that left, and comes up', async (t) => {
  const name = clusterName(t)
  await killAt('up', name, steps[3] ?? '', 50)
  const abandoned = await tracesOf(name)
  const told: string[] = []
  const cluster = await nativeBackend().up({ name, onStep: (step) => told.push(step) })
  t.match(told[0], `clearing what an earlier cluster ${name} left`)
  t.match(await kubectl(cluster, 'get', 'nodes', '-o', 'name'), `node/${cluster.nodeName}`)
  const now = await tracesOf(name)
  t.notOk(
    now.namespaces.some((namespace) => abandoned.namespaces.includes(namespace)),
    'its namespaces are new',
  )
})

t.test('a down that is killed is finished by the next', async (t) => {
  const name = clusterName(t)
  await nativeBackend().up({ name })
  const traces = await tracesOf(name)
  await killAt('down', name, `clearing cluster ${name}`, 10)
  await nativeBackend().down({ name })
  t.same(await leftovers(name, traces), [])
})
