import type { V1Deployment } from '@kubernetes/client-node'
import { AppsV1Api, CoreV1Api, KubeConfig, NetworkingV1Api } from '@kubernetes/client-node'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { Agent, request } from 'undici'
import type { Manifest } from '../install.ts'
import { applyObjects, waitForDeployment } from '../install.ts'
import { prometheusName, prometheusNamespace } from '../prometheus/manifests.ts'
import { queryPrometheus } from '../prometheus/query.ts'
import { sharedPlatform } from '../testing-platform.ts'
import { waitFor } from '../wait.ts'
import { ingressClassName } from './manifests.ts'

const timeoutMs = 120_000

/** Answers who it is and what it was asked; on SIGTERM it finishes what it has, as a program should. */
const program = `
  const server = require('node:http').createServer((request, response) => {
    if (request.url === '/metrics') return response.end('test_backend_info{version="' + process.env.VERSION + '"} 1\\n')
    response.end(JSON.stringify({ version: process.env.VERSION, headers: request.headers }))
  })
  server.listen(8080)
  process.on('SIGTERM', () => server.close(() => process.exit()))
`

function backendObjects(namespace: string, image: string): readonly Manifest[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'backend', namespace },
      spec: { selector: { app: 'backend' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    },
    backendDeployment(namespace, image, { version: 'one', replicas: 2 }),
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'backend', namespace },
      spec: {
        rules: [
          {
            host: `${namespace}.test`,
            http: {
              paths: [
                { path: '/', pathType: 'Prefix', backend: { service: { name: 'backend', port: { name: 'http' } } } },
              ],
            },
          },
        ],
      },
    },
  ]
}

function backendDeployment(
  namespace: string,
  image: string,
  { version, replicas }: { readonly version: string; readonly replicas: number },
): Manifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'backend', namespace },
    spec: {
      replicas,
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      selector: { matchLabels: { app: 'backend' } },
      template: {
        metadata: {
          labels: { app: 'backend', 'app.kubernetes.io/name': 'backend' },
          annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080' },
        },
        spec: {
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: 'backend',
              image,
              command: ['/usr/local/bin/node', '--eval', program],
              env: [{ name: 'VERSION', value: version }],
              readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
              // Until kube-proxy has heard that the pod is ending, new connections still come.
              lifecycle: { preStop: { sleep: { seconds: 3 } } },
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
            },
          ],
        },
      },
    },
  }
}

/** An image with Node.js in it that the registry of the cluster has. */
async function nodeImage(apps: AppsV1Api): Promise<string> {
  const { spec }: V1Deployment = await apps.readNamespacedDeployment({
    name: prometheusName,
    namespace: prometheusNamespace,
  })
  const image = spec?.template.spec?.containers.find(({ name }) => name === 'discovery')?.image
  if (image === undefined) throw new Error('Prometheus has no discovery beside it')
  return image
}

t.test('a Service of a real cluster behind the Ingress', async (t) => {
  const { cluster, ingressUrl, prometheusUrl } = await sharedPlatform(t)
  const { kubeconfig, nodeIp, hostIp } = cluster
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const networking = config.makeApiClient(NetworkingV1Api)
  const namespace = `ingress-${randomBytes(3).toString('hex')}`
  const headers = { host: `${namespace}.test` }
  const image = await nodeImage(config.makeApiClient(AppsV1Api))
  t.teardown(() => cluster.exec('kubectl', ['delete', 'namespace', namespace, '--wait=false']))

  const rollOut = async (version: string, replicas = 2): Promise<void> => {
    await applyObjects(kubeconfig, [backendDeployment(namespace, image, { version, replicas })])
    await waitForDeployment(kubeconfig, { namespace, name: 'backend' }, { timeoutMs })
    await waitFor(
      async () => (await core.listNamespacedPod({ namespace })).items.length === replicas || undefined,
      () => 'the last pods to be gone',
      { timeoutMs },
    )
  }
  await applyObjects(kubeconfig, backendObjects(namespace, image))
  await waitForDeployment(kubeconfig, { namespace, name: 'backend' }, { timeoutMs })

  t.test('is served on the address of the node, though the Ingress names no class', async (t) => {
    const answer = await waitFor(
      async () => {
        const { statusCode, body } = await request(ingressUrl, { headers, reset: true })
        const text = await body.text()
        return statusCode === 200 ? (JSON.parse(text) as { readonly headers: unknown }) : undefined
      },
      () => 'an answer',
      { timeoutMs: 20_000 },
    )
    t.match(answer, { version: 'one', headers: { 'x-forwarded-for': hostIp, 'x-forwarded-host': headers.host } })
    const { spec, status } = await networking.readNamespacedIngress({ namespace, name: 'backend' })
    t.equal(spec?.ingressClassName, ingressClassName)
    t.match(status?.loadBalancer?.ingress, [{ ip: nodeIp }])
  })

  t.test('loses no request in a rollout, neither on kept connections nor on new ones', async (t) => {
    const over = new AbortController()
    const failures: string[] = []
    const versions = new Set<string>()
    const kept = new Agent({ connections: 4 })
    t.teardown(() => kept.close())
    let answers = 0
    const load = async (method: 'GET' | 'POST', connection: object): Promise<void> => {
      while (!over.signal.aborted) {
        try {
          const { statusCode, body } = await request(ingressUrl, { method, headers, ...connection })
          const text = await body.text()
          if (statusCode !== 200) failures.push(`${method} ${statusCode} ${text}`)
          else versions.add((JSON.parse(text) as { readonly version: string }).version)
          answers += 1
        } catch (error) {
          failures.push(`${method} ${String(error)}`)
        }
      }
    }
    const running = (['GET', 'POST'] as const).flatMap((method) => [
      load(method, { dispatcher: kept }),
      load(method, { reset: true }),
    ])
    for (const version of ['two', 'three']) await rollOut(version)
    over.abort()
    await Promise.all(running)

    t.same(failures, [])
    t.ok(versions.has('one') && versions.has('three'), 'from the first version to the last')
    t.ok(answers > 200, `${answers} requests`)
  })

  t.test('is scraped by Prometheus, pod by pod', async (t) => {
    const samples = await waitFor(
      async () => {
        const found = await queryPrometheus(
          prometheusUrl,
          `test_backend_info{namespace="${namespace}",version="three"}`,
        )
        return found.length === 2 ? found : undefined
      },
      () => 'two pods were to be scraped',
      { timeoutMs: 60_000 },
    )
    for (const { labels } of samples) t.match(labels, { app: 'backend', job: 'backend', pod: /^backend-/ })
    const [proxied] = await queryPrometheus(
      prometheusUrl,
      `sum(haproxy_backend_http_requests_total{proxy="${namespace}:backend:80"})`,
    )
    t.ok((proxied?.value ?? 0) > 0, 'and so is the proxy')
  })

  t.test('is answered for with 503 while it has no pod, and served again after', async (t) => {
    await rollOut('none', 0)
    t.equal((await request(ingressUrl, { headers, reset: true })).statusCode, 503)
    await rollOut('four')
    t.equal((await request(ingressUrl, { headers, reset: true })).statusCode, 200)
  })
})
