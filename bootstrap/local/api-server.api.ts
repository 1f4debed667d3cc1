import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { KubeConfig, CoreV1Api, VersionApi } from '@kubernetes/client-node'
import type { ApiServer } from './api-server.ts'
import { startApiServer } from './api-server.ts'
import { readAuditLog } from './audit-log.ts'
import { CommandFailed, run } from './run.ts'
import { sharedApiServer } from './testing.ts'
import { ensureTools } from './tools.ts'
import { waitFor } from './wait.ts'

t.setTimeout(180_000)

function clientOf(kubeconfig: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  return config
}

t.test('a client of the shared server makes objects in a namespace of its own', async (t) => {
  const server = await sharedApiServer(t)
  const core = clientOf(server.kubeconfig).makeApiClient(CoreV1Api)
  const name = server.namespaceName('Makes objects!')
  t.match(name, /^test-makes-objects-[0-9a-f]{8}$/)
  t.not(name, server.namespaceName('Makes objects!'), 'no two are the same')

  await core.createNamespace({ body: { metadata: { name } } })
  await core.createNamespacedConfigMap({ namespace: name, body: { metadata: { name: 'a' }, data: { k: 'v' } } })
  const read = await core.readNamespacedConfigMap({ namespace: name, name: 'a' })
  t.same(read.data, { k: 'v' })
})

t.test('the server reports the version that go.mod pins', async (t) => {
  const server = await sharedApiServer(t)
  const { gitVersion } = await clientOf(server.kubeconfig).makeApiClient(VersionApi).getCode()
  t.match(gitVersion, /^v1\.\d+\.\d+$/)
})

t.test('a service account token is signed by the key in the published key set', async (t) => {
  const server = await sharedApiServer(t)
  const config = clientOf(server.kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const namespace = server.namespaceName('tokens')
  await core.createNamespace({ body: { metadata: { name: namespace } } })
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'robot' } } })
  const { status } = await core.createNamespacedServiceAccountToken({
    namespace,
    name: 'robot',
    body: { spec: { audiences: ['api://AzureADTokenExchange'], expirationSeconds: 600 } },
  })
  const [header, claims] = (status?.token ?? '').split('.').map((part) => Buffer.from(part, 'base64url').toString())
  const kubectl = await kubectlOf(t)
  const { stdout } = await run(kubectl, ['--kubeconfig', server.kubeconfig, 'get', '--raw', '/openid/v1/jwks'])
  t.match(JSON.parse(claims ?? '{}'), {
    iss: 'https://kubernetes.default.svc.cluster.local',
    sub: `system:serviceaccount:${namespace}:robot`,
    aud: ['api://AzureADTokenExchange'],
  })
  t.equal(JSON.parse(stdout).keys[0].kid, JSON.parse(header ?? '{}').kid)
})

t.test('the audit log has each request before it is answered, and names who was impersonated', async (t) => {
  const server = await sharedApiServer(t)
  const config = clientOf(server.kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const namespace = server.namespaceName('audit')
  await core.createNamespace({ body: { metadata: { name: namespace } } })
  const received = await readAuditLog(
    server.auditLog,
    (event) => event.stage === 'RequestReceived' && event.user.username === 'windlass-admin',
  )
  t.match(received.at(-1), { verb: 'create', requestURI: '/api/v1/namespaces', objectRef: { resource: 'namespaces' } })

  const kubectl = await kubectlOf(t)
  const refused = run(kubectl, ['--kubeconfig', server.kubeconfig, '--as=nobody', '-n', namespace, 'get', 'secrets'])
  await t.rejects(refused, CommandFailed, 'an impersonated user has that user’s rights only')
  const complete = await waitFor(
    async () =>
      (await readAuditLog(server.auditLog, (event) => event.impersonatedUser?.username === 'nobody')).find(
        (event) => event.stage === 'ResponseComplete' && event.verb === 'list',
      ),
    () => 'ResponseComplete of the impersonated request in the audit log',
    { timeoutMs: 60_000 },
  )
  t.match(complete, { user: { username: 'windlass-admin' }, verb: 'list', responseStatus: { code: 403 } })
})

t.test('an extension API server is told how to know that a request comes by way of this one', async (t) => {
  const server = await sharedApiServer(t)
  const core = clientOf(server.kubeconfig).makeApiClient(CoreV1Api)
  const settings = await waitFor(
    async () =>
      (await core.listNamespacedConfigMap({ namespace: 'kube-system' })).items.find(
        ({ metadata }) => metadata?.name === 'extension-apiserver-authentication',
      ),
    () => 'the settings of request headers in kube-system',
    { timeoutMs: 60_000 },
  )
  t.match(settings.data, {
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-client-ca-file': /BEGIN CERTIFICATE/,
    'requestheader-username-headers': '["X-Remote-User"]',
  })
  t.not(settings.data?.['requestheader-client-ca-file'], settings.data?.['client-ca-file'], 'by a CA of its own')
})

t.test('two servers run side by side, and neither trusts the other’s administrator', async (t) => {
  const [one, two] = [await ownServer(t), await ownServer(t)]
  t.not(one.url, two.url)
  const config = clientOf(one.kubeconfig)
  const stranger = new KubeConfig()
  stranger.loadFromClusterAndUser(
    { name: 'two', skipTLSVerify: false, server: two.url, caData: Buffer.from(two.caPem).toString('base64') },
    config.getCurrentUser() ?? { name: 'missing' },
  )
  await t.rejects(stranger.makeApiClient(CoreV1Api).listNamespace(), { code: 401 })
})

t.test('a stopped server leaves no process', async (t) => {
  const server = await ownServer(t)
  const port = new URL(server.url).port
  t.match(await processesWith(`--secure-port=${port}`), /kube-apiserver/)
  await server.stop()
  t.equal(await processesWith(`--secure-port=${port}`), '')
})

t.test('a server whose owner is killed ends too', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-api-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const script = [
    `import { startApiServer } from ${JSON.stringify(new URL('api-server.ts', import.meta.url).href)}`,
    `await startApiServer({ dir: ${JSON.stringify(dir)} })`,
    `process.kill(process.pid, 'SIGKILL')`,
  ].join('\n')
  await t.rejects(run(process.execPath, ['--input-type=module', '-e', script]), { message: /was ended by SIGKILL/ })
  const left = await waitFor(
    async () => ((await processesWith(dir)) === '' ? 'none' : undefined),
    async () => `processes of ${dir} to end:\n${await processesWith(dir)}`,
    { timeoutMs: 60_000 },
  )
  t.equal(left, 'none')
})

t.test('a server that cannot come up says why, with the last lines of its log', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-api-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const first = await startApiServer({ dir })
  await first.stop()
  await rm(join(dir, 'etcd'), { recursive: true })
  await run('sh', ['-c', `echo not-a-folder > ${join(dir, 'etcd')}`])
  await t.rejects(startApiServer({ dir }), { message: /etcd did not stay up: it ended with 1:\n.*etcd/s })
})

t.test('an abort ends the start and what was started', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-api-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const reason = new Error('changed my mind')
  const abort = new AbortController()
  const starting = startApiServer({ dir, signal: abort.signal })
  await waitFor(
    async () => (await processesWith(dir)).includes('kube-apiserver') || undefined,
    () => 'the API server to be started',
    { timeoutMs: 60_000, everyMs: 10 },
  )
  abort.abort(reason)
  await t.rejects(starting, reason)
  t.equal(await processesWith(dir), '')
})

async function ownServer(t: Test): Promise<ApiServer> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-api-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const server = await startApiServer({ dir })
  t.teardown(() => server.stop())
  return server
}

async function kubectlOf(t: Test): Promise<string> {
  const { kubectl } = await ensureTools(['kubectl'], { onStep: (step) => t.comment(step) })
  return kubectl
}

/** Command lines of running processes that contain a text; zombies have none. */
async function processesWith(text: string): Promise<string> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines
    .filter((line) => line.includes(text))
    .join('\n')
    .replaceAll('\0', ' ')
}
