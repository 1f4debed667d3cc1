import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readHierarchies } from '../local/native/cgroups.ts'
import { holderName } from '../local/native/cluster.ts'
import { cgroupOf, networkOf, readRecord } from '../local/native/record.ts'
import { ownCluster } from '../local/native/testing.ts'
import { stateDir } from '../local/paths.ts'
import { run } from '../local/run.ts'
import { waitFor } from '../local/wait.ts'
import { type DemoContext, makeContext } from './context.ts'
import { tornDown } from './steps/torn-down.ts'

t.test('torn-down is false as long as anything of the cluster is left on the machine', async (t) => {
  const { signal } = new AbortController()
  const cluster = await ownCluster(t)
  const context: DemoContext = { ...makeContext(cluster.name, signal), cluster }
  const look = () => tornDown.check(context, { timeoutMs: 0, signal })
  t.match(await look(), { ok: false, detail: /process .*kube-apiserver/ }, 'while it is up')

  const record = await readRecord(cluster.name)
  if (record === undefined) throw new Error('a cluster that is up has a record')
  const { hostLink, nodeIp } = networkOf(record)
  await keepNetwork(t, nodeIp)
  const holder = await cluster.findProcess(holderName)
  const namespace = `/proc/${holder?.pid}/ns/net`
  const hidden = spawn('nsenter', [`--net=${namespace}`, 'sleep', 'infinity'], { stdio: 'ignore' })
  t.teardown(() => hidden.kill('SIGKILL'))
  await once(hidden, 'spawn')
  const keptFile = join(t.testdir({ namespace: '' }), 'namespace')
  await run('mount', ['--bind', namespace, keptFile])
  t.teardown(() => run('umount', [keptFile], { accept: [32] }))

  await waitFor(
    async () =>
      (await run('readlink', [`/proc/${hidden.pid}/ns/net`])).stdout === (await run('readlink', [namespace])).stdout ||
      undefined,
    () => 'a process in the namespace',
    { timeoutMs: 30_000 },
  )
  await tornDown.act?.(context, (line) => t.comment(line))
  t.match(await look(), { ok: false, detail: /namespace net:\[\d+\], held by process \d+: sleep infinity/ })
  hidden.kill('SIGKILL')
  await once(hidden, 'exit')
  t.match(
    await look(),
    { ok: false, detail: new RegExp(`^left: mount ${keptFile}$`) },
    'a namespace that a mount keeps',
  )
  await run('umount', [keptFile])
  t.match(await look(), { ok: true, detail: /^no process, .* of it is left$/ }, 'now it is all gone')

  const dir = stateDir('clusters', cluster.name)
  const group = join((await readHierarchies())[0]?.mountPoint ?? '', cgroupOf(cluster.name))
  const table = `table ip windlass_test_${process.pid}`
  const breakages = [
    {
      what: `interface ${hostLink}`,
      make: () => run('ip', ['link', 'add', hostLink, 'type', 'veth', 'peer', 'name', `${hostLink}-peer`]),
      mend: () => run('ip', ['link', 'delete', hostLink]),
    },
    { what: `control group ${group}`, make: () => mkdir(group), mend: () => rmdir(group) },
    {
      what: `firewall rule ip daddr ${nodeIp} accept`,
      make: () => run('nft', ['-f', '-'], { input: `${table} { chain c { ip daddr ${nodeIp} accept; }; }` }),
      mend: () => run('nft', ['delete', ...table.split(' ')]),
    },
    { what: `folder ${dir}`, make: () => mkdir(dir), mend: () => rm(dir, { recursive: true }) },
  ]
  for (const { what, make, mend } of breakages) {
    await make()
    try {
      t.same(await look(), { ok: false, detail: `left: ${what}` })
    } finally {
      await mend()
    }
    t.match(await look(), { ok: true }, `${what} is gone`)
  }
})

/** Its last address, which the cluster does not use, so that no other cluster is given this one's number meanwhile. */
async function keepNetwork(t: Test, nodeIp: string): Promise<void> {
  const link = `keep${process.pid}`
  await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', `kept${process.pid}`])
  t.teardown(() => run('ip', ['link', 'delete', link]))
  await run('ip', ['address', 'add', nodeIp.replace(/\d+$/, (last) => `${Number(last) + 1}`), 'dev', link])
}
