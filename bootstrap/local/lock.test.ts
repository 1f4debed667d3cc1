import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { withLock } from './lock.ts'

/** Another process that takes the lock, says so, and holds it until it is killed. */
function otherHolder(path: string, work = 'await new Promise(() => setInterval(() => {}, 1000))') {
  const script = [
    `import { withLock } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)}`,
    `import { spawn } from 'node:child_process'`,
    `await withLock(${JSON.stringify(path)}, {}, async (lock) => { console.log('held'); ${work} })`,
  ].join('\n')
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)
  return { child, line: async () => (await once(lines, 'line'))[0] as string }
}

t.test('works one after the other, whatever they throw', async (t) => {
  const path = join(t.testdir(), 'deep', 'x.lock')
  const seen: string[] = []
  const work = (name: string) =>
    withLock(path, {}, async () => {
      seen.push(`${name} in`)
      await new Promise((resolve) => setImmediate(resolve))
      seen.push(`${name} out`)
      if (name === 'a') throw new Error('a failed')
      return name
    })
  const [a, b] = await Promise.allSettled([work('a'), work('b')])
  t.match(a, { status: 'rejected', reason: { message: 'a failed' } })
  t.match(b, { status: 'fulfilled', value: 'b' })
  const order = seen[0] === 'a in' ? ['a', 'b'] : ['b', 'a']
  t.same(
    seen,
    order.flatMap((name) => [`${name} in`, `${name} out`]),
  )
})

t.test('a killed holder lets go at once', async (t) => {
  const path = join(t.testdir(), 'x.lock')
  const { child, line } = otherHolder(path)
  t.equal(await line(), 'held')
  const mine = withLock(path, { onWait: () => child.kill('SIGKILL') }, async () => 'mine')
  t.equal(await mine, 'mine')
})

t.test('a child that was given the lock holds it after its parent was killed', async (t) => {
  const path = join(t.testdir(), 'x.lock')
  const { child, line } = otherHolder(
    path,
    `const c = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] }); console.log(c.pid); ` +
      `process.kill(process.pid, 'SIGKILL')`,
  )
  const pid = (async () => {
    await line()
    return Number(await line())
  })()
  const sleeper = await pid
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  const told = new Promise<void>((resolve) => {
    void withLock(path, { onWait: resolve }, async () => 'mine').then((value) => t.equal(value, 'mine'))
  })
  await told
  t.pass('the second waits while the child lives')
  process.kill(sleeper)
  t.equal(await withLock(path, {}, async () => 'again'), 'again')
})

t.test('an abort ends the waiting with its reason', async (t) => {
  const path = join(t.testdir(), 'x.lock')
  const { child, line } = otherHolder(path)
  t.teardown(() => child.kill('SIGKILL'))
  t.equal(await line(), 'held')
  const abort = new AbortController()
  const reason = new Error('enough')
  const waiting = withLock(path, { signal: abort.signal, onWait: () => abort.abort(reason) }, async () => 'never')
  await t.rejects(waiting, reason)
})
