import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startApiServer } from '../../bootstrap/local/api-server.ts'
import { readAuditLog } from '../../bootstrap/local/audit-log.ts'
import { applyObjects } from '../../bootstrap/local/install.ts'
import { readInOrder } from '../../bootstrap/local/manifest-files.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { testIds } from '../../bootstrap/local/registry/testing.ts'
import { leaderLabel } from './api/annotations.ts'
import { apiVersion, kind, plural, type Delivery } from './api/delivery.ts'
import type { KubeObject } from './api/object.ts'
import { testCluster } from './kube/test-cluster.ts'
import { hosts, pushRelease, startStandIn } from './registry/test-stand-in.ts'

t.setTimeout(580_000)

const ownNamespace = 'windlass-system'
const account = `system:serviceaccount:${ownNamespace}:windlass`
const namespace = 'team'
const manifests = join(import.meta.dirname, '../../manifests')
/** On a busy machine the start of a process alone takes many seconds. */
const patienceMs = 120_000
/** What no controller behind a bare API server acts on. */
const notServed = new Set(['Deployment', 'Service', 'NetworkPolicy', 'PodDisruptionBudget'])

// The program as it is installed, twice, with the rights that its manifests give it and no more; the cluster's
// controllers are played by the test, the registry is the stand-in with a real distribution behind it.
const dir = await mkdtemp(join(tmpdir(), 'windlass-main-'))
t.teardown(() => rm(dir, { recursive: true, force: true }))
const server = await startApiServer({ dir })
t.teardown(() => server.stop())
const cluster = testCluster(t, { ...server, namespaceName: () => namespace })
const standIn = await startStandIn(t)
await install()
const first = await startReplica(t, 'windlass-1')
const second = await startReplica(t, 'windlass-2')

t.test('both replicas are ready, and one of them leads', async (t) => {
  for (const { port } of [first, second]) {
    await until(
      async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200,
      () => `the replica on port ${port} was to be ready`,
    )
  }

  const leaders = await leadersOf([first, second])
  t.equal(leaders.length, 1)
})

t.test('a push is rolled out by the one that leads, authenticated by workload identity', async (t) => {
  const sha = await push(1)

  await untilAwaited(sha)
  await rollOut()
  const { status } = await untilDelivery(`${sha} was to run`, ({ status }) => status?.current?.tag === sha)

  t.match(status, { current: { sequence: 1 }, summary: { running: sha.slice(0, 7), state: 'Ready' } })
  const image = `${hosts.registry}/team/web:${sha}@${status?.current?.digest}`
  t.match(await read('/apis/apps/v1/namespaces/team/deployments/web'), {
    spec: { template: { spec: { containers: [{ image }] } } },
  })
})

t.test('a registry that the process was not told of is refused, and status says so', async (t) => {
  const path = `/apis/${apiVersion}/namespaces/${namespace}/${plural}`
  const { spec } = await readDelivery('web')
  const image = { ...spec.image, repository: 'fabrikam.azurecr.io/team/web' }
  await cluster.create(path, { apiVersion, kind, metadata: { name: 'elsewhere' }, spec: { ...spec, image } })

  const conditions = async () => (await readDelivery('elsewhere')).status?.conditions ?? []
  await until(
    async () => (await conditions()).some(({ type, reason }) => type === 'Ready' && reason === 'RegistryNotAllowed'),
    () => 'the registry was to be refused',
  )

  t.match(
    (await conditions()).filter(({ type }) => type === 'Stalled'),
    [{ status: 'True' }],
  )
})

t.test('a leader that is killed with a release in flight is followed by one that completes it', async (t) => {
  const [leader, other] = await order()
  const sha = await push(2)
  await untilAwaited(sha)

  leader.child.kill('SIGKILL')
  await rollOut()

  const { status } = await untilDelivery(`${sha} was to run`, ({ status }) => status?.current?.tag === sha)
  t.match(status, { history: [{ tag: sha, outcome: 'Ready' }] })
  t.same(await leadersOf([other]), [other])
})

t.test('a leader that was killed does not bear its mark when it is back', async (t) => {
  const [leader] = await order()
  const killed = leader === first ? second : first
  t.equal(await markOf(killed), 'true')

  await startReplica(t, killed.name)
  await until(
    async () => (await markOf(killed)) === undefined,
    () => `${killed.name} was to lose its mark`,
  )

  t.equal(await markOf(leader), 'true')
})

t.test('a leader that is told to end gives up the lease, and ends well', async (t) => {
  const [leader] = await order()

  leader.child.kill('SIGTERM')
  const [code] = (await once(leader.child, 'exit')) as [number]

  t.equal(code, 0)
  const lease = await read(`/apis/coordination.k8s.io/v1/namespaces/${ownNamespace}/leases/windlass`)
  t.notOk((lease['spec'] as { holderIdentity?: string }).holderIdentity)
})

t.test('a replica that is told to end before it has begun ends well', async (t) => {
  const replica = await startReplica(t, 'windlass-1')
  await until(
    async () => (await fetch(`http://127.0.0.1:${replica.port}/healthz`)).ok,
    () => `the replica was to answer on port ${replica.port}; it ${stateOf(replica)}`,
  )

  replica.child.kill('SIGTERM')
  const [code] = (await once(replica.child, 'exit')) as [number]

  t.equal(code, 0)
})

t.test('nothing that it asked for was more than its manifests allow', async (t) => {
  const refused = await readAuditLog(
    server.auditLog,
    ({ user, stage, responseStatus }) =>
      user.username === account && stage === 'ResponseComplete' && responseStatus?.code === 403,
  )

  t.same(
    refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
    [],
  )
})

interface Replica {
  readonly name: string
  readonly port: number
  readonly child: ChildProcess
}

async function install(): Promise<void> {
  const objects = await readInOrder(join(manifests, 'reconciler'))
  const rights = objects.filter(({ kind }) => !notServed.has(kind ?? ''))
  await applyObjects(server.kubeconfig, await readInOrder(join(manifests, 'crd')))
  await applyObjects(server.kubeconfig, rights)
  for (const name of ['windlass-1', 'windlass-2']) {
    await cluster.create(`/api/v1/namespaces/${ownNamespace}/pods`, {
      metadata: { name, namespace: ownNamespace },
      spec: {
        containers: [
          {
            name: 'windlass',
            image: 'none',
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          },
        ],
        securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
        serviceAccountName: 'windlass',
      },
    })
  }
  await cluster.namespace('team')
  await cluster.tenant(namespace, 'deployer')
  await cluster.grant({ namespace: ownNamespace, serviceAccountName: 'windlass' }, namespace, [
    { apiGroups: [''], resources: ['serviceaccounts'], resourceNames: ['deployer'], verbs: ['impersonate'] },
    { apiGroups: ['apps'], resources: ['controllerrevisions'], verbs: ['get', 'list', 'create', 'delete'] },
  ])
  await cluster.create(`/apis/${apiVersion}/namespaces/${namespace}/${plural}`, {
    apiVersion,
    kind,
    metadata: { name: 'web' },
    spec: {
      image: { repository: `${hosts.registry}/team/web` },
      manifests: { attached: {} },
      serviceAccountName: 'deployer',
      poll: { schedule: '* * * * * *' },
    },
  })
}

async function startReplica(t: Test, name: string): Promise<Replica> {
  const port = await freePort()
  const tokenFile = join(dir, `${name}.token`)
  await writeFile(tokenFile, await standIn.registry.issuer.token())
  const child = spawn(process.execPath, ['--import', toStandIn(), join(import.meta.dirname, 'main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      NODE_EXTRA_CA_CERTS: standIn.registry.caFile,
      WINDLASS_KUBECONFIG: await kubeconfigOf(name),
      WINDLASS_REGISTRIES: hosts.registry,
      WINDLASS_POD_NAME: name,
      WINDLASS_POD_NAMESPACE: ownNamespace,
      WINDLASS_HOST: '127.0.0.1',
      WINDLASS_PORT: String(port),
      WINDLASS_LEASE_DURATION: '4s',
      WINDLASS_LEASE_RENEW_DEADLINE: '3s',
      WINDLASS_LEASE_RENEW_INTERVAL: '1s',
      WINDLASS_LEASE_RETRY_PERIOD: '1s',
      WINDLASS_POLL_JITTER: '0s',
      WINDLASS_DISABLE_INSTANCE_DISCOVERY: 'true',
      AZURE_CLIENT_ID: testIds.clientId,
      AZURE_TENANT_ID: testIds.tenantId,
      AZURE_FEDERATED_TOKEN_FILE: tokenFile,
      AZURE_AUTHORITY_HOST: `https://${hosts.entra}`,
    },
  })
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => t.comment(`${name}: ${text.trim()}`))
  return { name, port, child }
}

/** A module that leads the names of the registry and of Entra ID to the stand-in, as a cluster's DNS does. */
function toStandIn(): string {
  const code = `
    import tls from 'node:tls'
    import { syncBuiltinESMExports } from 'node:module'
    const connect = tls.connect
    tls.connect = (options, ...rest) =>
      connect(
        options.host?.endsWith('.windlass.test') ? { ...options, host: '127.0.0.1', port: ${standIn.registry.port} } : options,
        ...rest,
      )
    syncBuiltinESMExports()`
  return `data:text/javascript,${encodeURIComponent(code)}`
}

/** A kubeconfig with a token of the reconciler's own account. */
async function kubeconfigOf(name: string): Promise<string> {
  const path = `/api/v1/namespaces/${ownNamespace}/serviceaccounts/windlass/token`
  const { status } = (await cluster.create(path, {})) as KubeObject & { readonly status: { readonly token: string } }
  const file = join(dir, `${name}.kubeconfig`)
  await writeFile(
    file,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'test',
          cluster: { server: server.url, 'certificate-authority-data': Buffer.from(server.caPem).toString('base64') },
        },
      ],
      users: [{ name: 'windlass', user: { token: status.token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'windlass' } }],
      'current-context': 'test',
    }),
  )
  return file
}

/** What CI does; answers the commit. */
async function push(n: number): Promise<string> {
  const sha = n.toString(16).padStart(40, '0')
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'team/web' }] } },
    },
  }
  await pushRelease(standIn.publisher(), 'team/web', sha, JSON.stringify(deployment), {
    'windlass.dev/sequence': String(n),
    'org.opencontainers.image.revision': sha,
  })
  return sha
}

async function untilAwaited(sha: string): Promise<void> {
  await untilDelivery(`${sha} was to be awaited`, ({ status }) => {
    const { rollout } = status ?? {}
    return rollout?.phase === 'Waiting' && rollout.revision.tag === sha
  })
}

/** Plays the Deployment controller. */
async function rollOut(): Promise<void> {
  const path = '/apis/apps/v1/namespaces/team/deployments/web'
  const { metadata } = await read(path)
  const counts = { replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 }
  await cluster.admin.request({
    method: 'PATCH',
    path: `${path}/status`,
    body: { status: { observedGeneration: metadata.generation, ...counts } },
    contentType: 'application/merge-patch+json',
    what: 'play the Deployment controller',
    signal: cluster.signal,
  })
}

async function untilDelivery(describe: string, isSo: (delivery: Delivery) => boolean): Promise<Delivery> {
  return waitFor(
    async () => {
      const delivery = await readDelivery('web')
      return isSo(delivery) ? delivery : undefined
    },
    async () => `${describe}; but status is ${JSON.stringify((await readDelivery('web')).status)}`,
    { timeoutMs: patienceMs, everyMs: 50 },
  )
}

async function readDelivery(name: string): Promise<Delivery> {
  return (await read(`/apis/${apiVersion}/namespaces/${namespace}/${plural}/${name}`)) as unknown as Delivery
}

async function read(path: string): Promise<KubeObject> {
  return cluster.admin.request<KubeObject>({ method: 'GET', path, what: `read ${path}`, signal: cluster.signal })
}

async function markOf({ name }: Replica): Promise<string | undefined> {
  const { metadata } = await read(`/api/v1/namespaces/${ownNamespace}/pods/${name}`)
  return metadata.labels?.[leaderLabel]
}

/** The leader, and the other. */
async function order(): Promise<readonly [Replica, Replica]> {
  const alive = [first, second].filter(({ child }) => child.exitCode === null && child.signalCode === null)
  const [leader] = await leadersOf(alive)
  if (leader === undefined) throw new Error('nobody leads')
  return [leader, leader === first ? second : first]
}

/** Waits until one leads. */
async function leadersOf(replicas: readonly Replica[]): Promise<readonly Replica[]> {
  return waitFor(
    async () => {
      const all = await Promise.all(replicas.map(async (replica) => ((await isLeading(replica)) ? [replica] : [])))
      return all.flat().length > 0 ? all.flat() : undefined
    },
    () => `one of ${replicas.map(({ name }) => name).join(' and ')} was to lead`,
    { timeoutMs: patienceMs },
  )
}

async function isLeading({ port }: Replica): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  return (await response.text()).split('\n').includes('windlass_leader 1')
}

/** For the sentence of a wait that was in vain. */
function stateOf({ child }: Replica): string {
  const end = child.exitCode ?? child.signalCode
  return end === null ? 'still runs' : `ended with ${end}`
}

async function until(isSo: () => Promise<boolean>, describe: () => string): Promise<void> {
  const attempt = async () => (await isSo().catch(() => false)) || undefined
  await waitFor(attempt, describe, { timeoutMs: patienceMs })
}

async function freePort(): Promise<number> {
  const socket = createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  socket.close()
  await once(socket, 'close')
  return port
}
