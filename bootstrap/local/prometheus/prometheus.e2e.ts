import { CoreV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Test } from 'tap'
import t from 'tap'
import { ensurePackages } from '../debian.ts'
import { freePort } from '../free-port.ts'
import { run } from '../run.ts'
import { sharedApiServer } from '../testing.ts'
import { waitFor } from '../wait.ts'
import { prometheusConfig } from './config.ts'
import { runDiscovery } from './discovery.ts'
import { prometheusArguments } from './manifests.ts'
import { queryPrometheus } from './query.ts'

t.before(() => ensurePackages(['prometheus']))

t.test('the configuration is one that Prometheus accepts', async (t) => {
  const dir = t.testdir({ 'prometheus.yml': prometheusConfig('/targets/pods.json', '/rules/*.yaml') })

  const { stdout } = await run('promtool', ['check', 'config', join(dir, 'prometheus.yml')])
  t.match(stdout, /SUCCESS: .*is valid prometheus config file/)
})

t.test('Prometheus scrapes the pods of a real API server that ask for it', async (t) => {
  const server = await sharedApiServer(t)
  const config = new KubeConfig()
  config.loadFromFile(server.kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const namespace = server.namespaceName('scrapes')
  await core.createNamespace({ body: { metadata: { name: namespace } } })
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'default' } } })
  const metricsPort = await startMetrics(t)

  /** A pod as a kubelet would report it, were there one; it runs on loopback. */
  const createPod = async (name: string, annotations: Record<string, string>, phase = 'Running'): Promise<void> => {
    const container = { image: 'none', ports: [{ containerPort: 1 }, { containerPort: 2 }] }
    await core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name, annotations, labels: { 'app.kubernetes.io/name': `app-of-${name}` } },
        spec: {
          automountServiceAccountToken: false,
          containers: [
            { name: 'one', ...container },
            { name: 'two', ...container },
          ],
        },
      },
    })
    const podIP = '127.0.0.1'
    await core.patchNamespacedPodStatus(
      { namespace, name, body: { status: { phase, podIP, podIPs: [{ ip: podIP }] } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    )
  }
  const asks = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': `${metricsPort}` }
  await createPod('plain', asks)
  await createPod('elsewhere', { ...asks, 'prometheus.io/path': '/internal/metrics' })
  await createPod('silent', { 'prometheus.io/port': `${metricsPort}` })
  await createPod('refuses', { ...asks, 'prometheus.io/scrape': 'false' })
  await createPod('ended', asks, 'Succeeded')

  const url = await startPrometheus(t, config)
  const selector = `{namespace="${namespace}"}`
  const scraped = await waitFor(
    async () => {
      const samples = await queryPrometheus(url, `test_path_info${selector}`).catch(() => [])
      return samples.length >= 2 ? samples : undefined
    },
    () => 'two pods were to be scraped',
    { timeoutMs: 30_000 },
  )

  t.same(
    scraped
      .map(({ labels: { pod, app, job, path }, value }) => `${pod} ${app} ${job} ${path} ${value}`)
      .toSorted(byText),
    ['elsewhere app-of-elsewhere app-of-elsewhere /internal/metrics 1', 'plain app-of-plain app-of-plain /metrics 1'],
  )
  const up = await queryPrometheus(url, `up${selector}`)
  t.same(up.map(({ labels, value }) => `${labels['pod']} ${value}`).toSorted(byText), ['elsewhere 1', 'plain 1'])

  await core.deleteNamespacedPod({ namespace, name: 'plain', gracePeriodSeconds: 0 })
  await createPod('late', asks)
  await waitFor(
    async () => {
      const pods = new Set((await queryPrometheus(url, `up${selector}`)).map(({ labels }) => labels['pod']))
      return (pods.has('late') && !pods.has('plain')) || undefined
    },
    () => 'a new pod was to be scraped, and one that is gone no longer',
    { timeoutMs: 30_000 },
  )
  await t.rejects(queryPrometheus(url, 'up('), { message: /bad_data/ })
  t.match(await queryPrometheus(url, 'scalar(vector(3))'), [{ labels: {}, value: 3 }])
})

function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}

async function startMetrics(t: Test): Promise<number> {
  const server = createServer(({ url }, response) => response.end(`test_path_info{path="${url}"} 1\n`))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Debian's Prometheus with the pod's own arguments and discovery, but on loopback. */
async function startPrometheus(t: Test, kubeConfig: KubeConfig): Promise<string> {
  const dir = t.testdir()
  const configFile = join(dir, 'prometheus.yml')
  const targetsFile = join(dir, 'pods.json')
  await writeFile(configFile, prometheusConfig(targetsFile, join(dir, '*.rules.yaml')))
  const stop = new AbortController()
  const log = pino({ level: 'silent' })
  const discovery = runDiscovery({ kubeConfig, file: targetsFile, log, signal: stop.signal })
  t.teardown(async () => {
    stop.abort()
    await discovery
  })
  const address = `127.0.0.1:${await freePort()}`
  const args = prometheusArguments({ configFile, dataDir: join(dir, 'data'), address })
  const child = spawn('prometheus', [...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  const lines: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => lines.push(text))
  t.teardown(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
  t.teardown(() => {
    if (!t.passing()) t.comment(lines.join(''))
  })
  return `http://${address}`
}
