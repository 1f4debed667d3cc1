import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { writeKubeconfig } from '../kubeconfig.ts'
import { stateDir } from '../paths.ts'
import { run } from '../run.ts'
import { signalIfThere } from '../signal.ts'
import { waitFor } from '../wait.ts'
import { nativeBackend } from './backend.ts'
import { readRecord, runDir } from './record.ts'
import { clusterName, kubectl, ownCluster } from './testing.ts'
import { leftovers, noTraces, tracesOf } from './traces.ts'

t.setTimeout(300_000)

t.test('up of a cluster that is up changes nothing, also when two ask at once', async (t) => {
  const name = clusterName(t)
  const backend = nativeBackend()
  const [one, two] = await Promise.all([backend.up({ name }), backend.up({ name })])
  const traces = await tracesOf(name)
  const three = await backend.up({ name })
  t.same([two.pullCredential, three.pullCredential], [one.pullCredential, one.pullCredential])
  await t.rejects(backend.up({ name, mustBeNew: true }), { name: 'ClusterIsUpError', message: /^A cluster \S+ is up/ })
  t.same({ ...(await tracesOf(name)), atTicks: traces.atTicks }, traces)
})

t.test('up of a cluster that lost one of its processes makes it anew', async (t) => {
  const cluster = await ownCluster(t)
  const kubelet = await cluster.findProcess('kubelet')
  t.ok(kubelet)
  signalIfThere(kubelet?.pid ?? 0, 'SIGKILL')
  await waitFor(
    async () => ((await cluster.findProcess('kubelet')) === undefined ? true : undefined),
    () => 'the kubelet to be gone',
    { timeoutMs: 5_000 },
  )
  const again = await nativeBackend().up({ name: cluster.name })
  t.not(again.pullCredential.password, cluster.pullCredential.password)
  t.match(await kubectl(again, 'get', 'nodes'), ' Ready ')
})

t.test('a process of the cluster outlives whoever started it, and ends with the cluster', async (t) => {
  const cluster = await ownCluster(t)
  const process = await cluster.startProcess('echo', 'sh', ['-c', 'echo "$GREETING from $PWD" && sleep 600'], {
    env: { GREETING: 'hello' },
    cwd: '/etc',
  })
  const line = await waitFor(
    async () => (await readFile(process.logFile, 'utf8')).trim() || undefined,
    () => 'its first line',
    { timeoutMs: 5_000 },
  )
  t.equal(line, 'hello from /etc')

  const found = await (await nativeBackend().find(cluster.name))?.findProcess('echo')
  t.equal(found?.pid, process.pid, 'it is found again by its name')
  const second = await cluster.startProcess('echo', 'sleep', ['600'])
  t.notOk(await process.isRunning(), 'one of the same name takes its place')
  await second.stop()
  t.equal(await cluster.findProcess('echo'), undefined)
  const third = await cluster.startProcess('echo', 'sleep', ['600'])
  const traces = await tracesOf(cluster.name)
  await nativeBackend().down({ name: cluster.name })
  t.notOk(await third.isRunning())
  t.same(await leftovers(cluster.name, traces), [])
})

t.test('exec tells exit code, output and failure, and ends when aborted', async (t) => {
  const cluster = await ownCluster(t)
  const lines: string[] = []
  const { exitCode, stdout } = await cluster.exec('sh', ['-c', 'read word; echo "$word at $PWD"; echo aside >&2'], {
    input: 'here\n',
    cwd: '/tmp',
    onLine: (line) => lines.push(line),
  })
  t.same([exitCode, stdout, lines.sort()], [0, 'here at /tmp', ['aside', 'here at /tmp']])
  await t.rejects(cluster.exec('sh', ['-c', 'echo nope >&2; exit 3']), { message: /ended with 3:\nnope/ })
  t.match((await cluster.exec('kubectl', ['get', 'nodes', '-o', 'name'])).stdout, `node/${cluster.nodeName}`)

  const abort = new AbortController()
  const reason = new Error('enough')
  const endless = cluster.exec('sh', ['-c', 'echo started; sleep 600'], {
    signal: abort.signal,
    onLine: () => abort.abort(reason),
  })
  await t.rejects(endless, reason)
})

t.test('an aborted up leaves nothing', async (t) => {
  const name = clusterName(t)
  const abort = new AbortController()
  const reason = new Error('changed my mind')
  const starting = nativeBackend().up({
    name,
    signal: abort.signal,
    onStep: (step) => {
      if (step.startsWith('waiting for the node')) abort.abort(reason)
    },
  })
  await t.rejects(starting, reason)
  t.same(await leftovers(name, noTraces), [])
})

t.test(
  'certificates are the CA’s that the cluster is told to trust, and a client’s are the API server’s',
  async (t) => {
    const cluster = await ownCluster(t)
    const { certPem } = await cluster.issueCertificate({ commonName: 'x.test', dnsNames: ['x.test', 'y.test'] })
    const client = await cluster.issueClientCertificate({ commonName: 'jane', organization: 'testers' })
    const isIssuedBy = async (certificate: string, caFile: string) => {
      const ca = new X509Certificate(await readFile(caFile, 'utf8'))
      return new X509Certificate(certificate).verify(ca.publicKey)
    }
    t.same(
      [await isIssuedBy(certPem, cluster.caFile), await isIssuedBy(certPem, cluster.kubernetesCaFile)],
      [true, false],
    )

    const kubeconfig = join(cluster.stateDir, 'jane.kubeconfig')
    const caPem = await readFile(cluster.kubernetesCaFile, 'utf8')
    await writeKubeconfig(kubeconfig, { name: 'jane', url: cluster.apiServerUrl, caPem, client })
    const { stdout } = await run(cluster.kubectl, ['--kubeconfig', kubeconfig, 'auth', 'whoami', '-o', 'json'])
    t.match(JSON.parse(stdout).status.userInfo, { username: 'jane', groups: ['testers', 'system:authenticated'] })
  },
)

t.test('a record of an earlier boot does not touch the cluster that has its network now', async (t) => {
  const cluster = await ownCluster(t)
  const record = await readRecord(cluster.name)
  t.ok(record)
  const name = clusterName(t)
  const old = { ...record, name, bootId: 'of an earlier boot', stateDir: stateDir('clusters', name) }
  await writeFile(join(runDir, `${name}.json`), JSON.stringify(old))
  t.equal(await nativeBackend().find(name), undefined)
  await nativeBackend().down({ name })
  t.equal(await readRecord(name), undefined)
  t.match(await kubectl(cluster, 'get', '--raw', '/readyz'), 'ok', 'it is still reached')
})
