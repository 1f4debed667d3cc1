import { Resolver } from 'node:dns/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { request } from 'undici'
import t from 'tap'
import { platform } from '../backend.ts'
import { waitFor } from '../wait.ts'
import { apply, importToolbox, kubectl, ownCluster, toolboxImage } from './testing.ts'

t.setTimeout(300_000)

const restricted = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
}

const pod = {
  metadata: { labels: { app: 'web' } },
  spec: {
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'web',
        image: toolboxImage,
        args: [
          'sh',
          '-c',
          '/busybox hostname >/tmp/index.html && echo serving && exec /busybox httpd -f -p 8080 -h /tmp',
        ],
        ports: [{ containerPort: 8080 }],
        readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
        resources: { limits: { cpu: '200m', memory: '64Mi' } },
        securityContext: restricted,
        volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
      },
    ],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  },
}

const objects = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'app', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'app' },
    spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: pod },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'app' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
]

t.test('a restricted Deployment runs, is found by name, and answers from every side', async (t) => {
  const cluster = await ownCluster(t)
  await importToolbox(cluster)
  await apply(cluster, objects)
  await kubectl(cluster, '-n', 'app', 'rollout', 'status', 'deployment/web', '--timeout=60s')
  const podNames = (await kubectl(cluster, '-n', 'app', 'get', 'pods', '-o', 'name')).split('\n').sort()
  t.equal(podNames.length, 2)

  const logs = await kubectl(cluster, '-n', 'app', 'logs', 'deployment/web')
  t.match(logs, /^serving/, 'logs are read from the node')

  const inPod = (...command: readonly string[]) =>
    kubectl(cluster, '-n', 'app', 'exec', 'deployment/web', '--', '/busybox', ...command)
  t.match(await inPod('id', '-u'), '65532', 'exec runs in the container, as its user')
  t.match(await inPod('nslookup', platform.registryHost), `Address: ${cluster.nodeIp}`, 'a pod finds the registry')

  const answered = new Set<string>()
  await waitFor(
    async () => {
      answered.add(`pod/${(await inPod('wget', '-q', '-O', '-', 'http://web')).trim()}`)
      return answered.size === 2 || undefined
    },
    () => `both pods to answer by the Service’s name; so far ${[...answered].join(' ')}`,
    { timeoutMs: 60_000 },
  )
  t.same([...answered].sort(), podNames, 'the Service’s name leads to both pods, also to the one that asks')

  const serviceIp = await kubectl(cluster, '-n', 'app', 'get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')
  const { stdout } = await cluster.exec('busybox', ['wget', '-q', '-O', '-', `http://${serviceIp}`])
  t.ok(podNames.includes(`pod/${stdout}`), 'the node reaches the Service too')

  const onHost = createServer((_, response) => response.end('from the host'))
  t.teardown(() => onHost.close())
  await new Promise<void>((resolve) => onHost.listen(0, cluster.hostIp, resolve))
  const { port } = onHost.address() as AddressInfo
  const answer = await inPod('wget', '-q', '-O', '-', `http://${cluster.hostIp}:${port}/`)
  t.equal(answer, 'from the host', 'a pod reaches what listens on the host’s end')
})

t.test('a hostPort is reached from the host, on this cluster’s address', async (t) => {
  const cluster = await ownCluster(t)
  await importToolbox(cluster)
  const [container] = pod.spec.containers
  const ports = [{ containerPort: 8080, hostPort: platform.ingressPort }]
  await apply(cluster, [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'front', namespace: 'default' },
      spec: { ...pod.spec, containers: [{ ...container, ports }] },
    },
  ])
  await kubectl(cluster, 'wait', '--for=condition=Ready', 'pod/front', '--timeout=60s')
  const { statusCode, body } = await request(`http://${cluster.nodeIp}:${platform.ingressPort}/`)
  t.same([statusCode, (await body.text()).trim()], [200, 'front'])
})

t.test('names of the cluster are answered, and a name of the world is denied at once', async (t) => {
  const cluster = await ownCluster(t)
  const resolver = new Resolver({ timeout: 2_000, tries: 1 })
  resolver.setServers([cluster.nodeIp])
  t.same(await resolver.resolve4(`kubernetes.default.svc.${platform.clusterDomain}`), [platform.kubernetesServiceIp])
  t.same(await resolver.resolve4(platform.entraHost), [cluster.nodeIp])
  await t.rejects(resolver.resolve4('example.com'), { code: 'ENOTFOUND' })
  const { stdout } = await cluster.exec('getent', ['ahostsv4', platform.blobHost])
  t.match(stdout, cluster.nodeIp, 'the cluster’s own processes find them by its hosts file')
})
