import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { stateDir } from '../paths.ts'
import { isRunning } from '../process.ts'
import { nativeBackend } from './backend.ts'
import { holderName } from './cluster.ts'
import { readProcessFile } from './processes.ts'
import { clusterName, hostSettings, kubectl } from './testing.ts'
import { leftovers, tracesOf } from './traces.ts'

t.setTimeout(600_000)

const upText = 'the cluster is up'

/** The steps of `up`, and how long after each begins it is killed: at once, and while it is at work. */
const delaysMs = {
  'reserving a network': [0, 25, 120],
  'making a control group and namespaces': [0, 25, 120],
  'starting etcd, the API server and containerd': [0, 120, 900],
  'starting the controllers, the scheduler, the node and DNS': [0, 300],
  'waiting for the node, DNS and Services': [0, 900],
  [upText]: [0],
} as const

/** Brings a cluster up or down in a process of its own, and kills that some time after it has said a step. */
async function killAt(command: 'up' | 'down', name: string, step: string, delayMs: number): Promise<void> {
  const script = [
    `import { nativeBackend } from ${JSON.stringify(new URL('backend.ts', import.meta.url).href)}`,
    `await nativeBackend().${command}({ name: '${name}', onStep: (step) => console.log(step) })`,
    `console.log('${upText}')`,
    // Whoever brought a cluster up may go on, as the demo does.
    `setInterval(() => {}, 1000)`,
  ].join('\n')
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (line === step) break
  }
  if (lines.at(-1) !== step) throw new Error(`${command} never said '${step}':\n${lines.join('\n')}`)
  await sleep(delayMs)
  child.kill('SIGKILL')
  await ended
}

for (const [step, delays] of Object.entries(delaysMs)) {
  t.test(`a kill at or after '${step}' leaves nothing that down does not clear`, async (t) => {
    const before = await hostSettings()
    for (const delayMs of delays) {
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
  await killAt('up', name, 'starting the controllers, the scheduler, the node and DNS', 50)
  const abandoned = await readProcessFile(stateDir('clusters', name), holderName)
  t.ok(abandoned && (await isRunning(abandoned)), 'what was started outlives the command')

  const told: string[] = []
  const cluster = await nativeBackend().up({ name, onStep: (step) => told.push(step) })
  t.equal(told[0], `clearing what an earlier cluster ${name} left`)
  t.notOk(abandoned && (await isRunning(abandoned)))
  t.match(await kubectl(cluster, 'get', 'nodes', '-o', 'name'), `node/${cluster.nodeName}`)
})

t.test('a down that is killed is finished by the next', async (t) => {
  const name = clusterName(t)
  await nativeBackend().up({ name })
  const traces = await tracesOf(name)
  await killAt('down', name, `clearing cluster ${name}`, 10)
  await nativeBackend().down({ name })
  t.same(await leftovers(name, traces), [])
})
