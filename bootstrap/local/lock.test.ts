import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import type { HeldLock } from './lock.ts'
import { withLock } from './lock.ts'

/** Another process that takes the lock, says so, and holds it until it is killed. */
function otherHolder(path: string) {
  const script = [
    `import { withLock } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)}`,
    `await withLock(${JSON.stringify(path)}, {}, async () => {`,
    `  console.log('held')`,
    `  await new Promise(() => setInterval(() => {}, 1000))`,
    `})`,
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

t.test('who waited for a lock whose file was deleted does not share it with who made it anew', async (t) => {
  const path = join(t.testdir(), 'x.lock')
  let holders = 0
  let most = 0
  const work = async (lock: HeldLock) => {
    holders += 1
    most = Math.max(most, holders)
    await new Promise((resolve) => setImmediate(resolve))
    holders -= 1
    await lock.discard()
  }
  await Promise.all(Array.from({ length: 8 }, () => withLock(path, {}, work)))
  t.equal(most, 1)
  t.notOk(existsSync(path), 'nothing is left of it')
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
