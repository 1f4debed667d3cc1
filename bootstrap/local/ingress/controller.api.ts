import type { V1IngressSpec } from '@kubernetes/client-node'
import { CoreV1Api, KubeConfig, NetworkingV1Api } from '@kubernetes/client-node'
import { pino } from 'pino'
import type { Test } from 'tap'
import t from 'tap'
import type { Manifest } from '../install.ts'
import { applyObjects } from '../install.ts'
import { openAuthority } from '../certificates.ts'
import type { TestApiServer } from '../testing.ts'
import { sharedApiServer } from '../testing.ts'
import { waitFor } from '../wait.ts'
import { runIngressController } from './controller.ts'
import type { HaproxyConfig } from './haproxy-config.ts'
import { controllerName } from './routing.ts'
import { openSeverable } from './severable.ts'
import { rule, to } from './testing.ts'

const nodeAddress = '192.0.2.10'

interface Scene {
  readonly kubeConfig: KubeConfig
  readonly namespace: string
  readonly className: string
  /** Each configuration that the proxy was asked to serve, revision by revision. */
  readonly applied: HaproxyConfig[]
  /** What the proxy does with the next configurations: throws these, one each. */
  readonly refusals: Error[]
  apply(...objects: readonly Manifest[]): Promise<void>
  ingress(name: string, spec: Pick<V1IngressSpec, 'rules' | 'tls' | 'defaultBackend'>): Manifest
  service(name: string): Manifest
  /** Waits for a configuration whose rules for this test's hosts are these. */
  serves(...useBackend: readonly RegExp[]): Promise<void>
}

/** The controller on a real API server; the proxy is a recorder, HAProxy itself has its tests with haproxy.ts. */
async function startScene(t: Test, server: TestApiServer, kubeConfig: KubeConfig, purpose: string): Promise<Scene> {
  const namespace = server.namespaceName(purpose)
  const applied: HaproxyConfig[] = []
  const refusals: Error[] = []
  const stop = new AbortController()
  const scene: Scene = {
    kubeConfig,
    namespace,
    className: namespace,
    applied,
    refusals,
    apply: (...objects) => applyObjects(server.kubeconfig, objects),
    ingress: (name, spec) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name, namespace },
      spec: { ingressClassName: namespace, ...spec },
    }),
    service: (name) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { ports: [{ name: 'http', port: 80 }] },
    }),
    serves: (...expected) =>
      waitFor(
        async () => {
          const rules = rulesOf(applied.at(-1), namespace)
          return (
            (rules.length === expected.length && expected.every((regexp, index) => regexp.test(rules[index] ?? ''))) ||
            undefined
          )
        },
        () => `rules ${expected.join(' ')}, and there were: ${rulesOf(applied.at(-1), namespace).join('\n')}`,
        { timeoutMs: 60_000 },
      ).then(() => undefined),
  }
  await scene.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: namespace },
      spec: { controller: controllerName },
    },
  )
  let revision: string | undefined
  const run = runIngressController({
    kubeConfig,
    nodeAddress,
    httpPort: 8080,
    adminPort: 8405,
    tls: { port: 8443, directory: t.testdir() },
    log: pino({ level: 'silent' }),
    signal: stop.signal,
    proxy: {
      apply: async (config) => {
        const refusal = refusals.shift()
        if (refusal) throw refusal
        if (config.revision === revision) return 'unchanged'
        revision = config.revision
        applied.push(config)
        return 'reloaded'
      },
    },
  })
  t.teardown(async () => {
    stop.abort()
    await run
  })
  return scene
}

/** Other tests share the API server, so only the lines of this test's namespace are looked at. */
function rulesOf(config: HaproxyConfig | undefined, namespace: string): readonly string[] {
  return (config?.text ?? '')
    .split('\n')
    .filter((line) => line.includes('use_backend') && line.includes(`${namespace}:`))
}

function loadConfig(path: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromFile(path)
  return config
}

t.test('Ingress controller on a real API server', async (t) => {
  const server = await sharedApiServer(t)
  const kubeConfig = loadConfig(server.kubeconfig)

  t.test('Ingresses, their changes and their end are followed, and their status is written', async (t) => {
    const scene = await startScene(t, server, kubeConfig, 'follows')
    const networking = kubeConfig.makeApiClient(NetworkingV1Api)
    const core = kubeConfig.makeApiClient(CoreV1Api)
    const { namespace } = scene
    await scene.apply(
      scene.service('a'),
      scene.ingress('web', { rules: [rule('follow.test', ['Prefix', '/x', to('a', 'http')])] }),
    )
    await scene.serves(new RegExp(`${namespace}:a:80 if host_\\d+ .*/x/`))
    const { spec } = await core.readNamespacedService({ namespace, name: 'a' })
    t.match(scene.applied.at(-1)?.text, `server service ${spec?.clusterIP}:80`)
    const status = await waitFor(
      async () => (await networking.readNamespacedIngress({ namespace, name: 'web' })).status?.loadBalancer?.ingress,
      () => 'a status',
      { timeoutMs: 60_000 },
    )
    t.match(status, [{ ip: nodeAddress }])

    await scene.apply(scene.ingress('web', { rules: [rule('follow.test', ['Exact', '/y', to('a', 'http')])] }))
    await scene.serves(new RegExp(`${namespace}:a:80 if host_\\d+ .*-m str /y `))

    await networking.deleteNamespacedIngress({ namespace, name: 'web' })
    await scene.serves()
    t.notMatch(scene.applied.at(-1)?.text, /follow\.test/)
  })

  t.test('a Service that comes later makes its Ingress serve', async (t) => {
    const scene = await startScene(t, server, kubeConfig, 'later')
    await scene.apply(scene.ingress('web', { rules: [rule('later.test', ['Exact', '/', to('late')])] }))
    await waitFor(
      async () => scene.applied.at(-1)?.text.includes('later.test') || undefined,
      () => 'a host without a Service',
      { timeoutMs: 60_000 },
    )
    t.same(rulesOf(scene.applied.at(-1), scene.namespace), [])

    await scene.apply(scene.service('late'))
    await scene.serves(new RegExp(`${scene.namespace}:late:80`))
  })

  t.test('what the proxy refuses is tried again', async (t) => {
    const scene = await startScene(t, server, kubeConfig, 'refused')
    scene.refusals.push(new Error('refused once'), new Error('refused twice'))
    await scene.apply(scene.service('a'), scene.ingress('web', { rules: [rule('r.test', ['Exact', '/', to('a')])] }))

    await scene.serves(new RegExp(`${scene.namespace}:a:80`))
    t.same(scene.refusals, [])
  })

  t.test('the certificate of a named Secret is served, and its renewal too', async (t) => {
    const scene = await startScene(t, server, kubeConfig, 'tls')
    const authority = await openAuthority(t.testdir(), 'ca', 'test')
    const applySecret = async (): Promise<void> => {
      const { certPem, keyPem } = await authority.issue({ commonName: 'tls.test', dnsNames: ['tls.test'] })
      await scene.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'cert', namespace: scene.namespace },
        type: 'kubernetes.io/tls',
        stringData: { 'tls.crt': certPem, 'tls.key': keyPem },
      })
    }
    const listOf = async (other?: string): Promise<string> =>
      waitFor(
        async () => {
          const list = /crt-list (\S+)/.exec(scene.applied.at(-1)?.text ?? '')?.[1]
          return list === other ? undefined : list
        },
        () => 'a list of certificates',
        { timeoutMs: 60_000 },
      )
    await applySecret()
    await scene.apply(
      scene.ingress('web', { tls: [{ hosts: ['tls.test'], secretName: 'cert' }], defaultBackend: to('a') }),
    )

    const first = await listOf()
    await applySecret()
    t.not(await listOf(first), first)
  })

  t.test('it goes on where it was after the API server was away', async (t) => {
    const way = await openSeverable(t, server.url)
    const indirect = loadConfig(server.kubeconfig)
    indirect.clusters = indirect.clusters.map((cluster) => ({ ...cluster, server: way.url }))
    const scene = await startScene(t, server, indirect, 'away')
    await scene.apply(
      scene.service('a'),
      scene.ingress('gone', { rules: [rule('gone.test', ['Exact', '/', to('a')])] }),
      scene.ingress('stays', { rules: [rule('stays.test', ['Exact', '/', to('a')])] }),
    )
    await scene.serves(/:a:80/, /:a:80/)

    await way.close()
    const before = scene.applied.length
    await kubeConfig
      .makeApiClient(NetworkingV1Api)
      .deleteNamespacedIngress({ namespace: scene.namespace, name: 'gone' })
    await scene.apply(scene.ingress('new', { rules: [rule('new.test', ['Exact', '/new', to('a')])] }))
    t.equal(scene.applied.length, before, 'nothing is served anew while it is away')
    await way.open()

    await scene.serves(/-m str \/new/, /-m str \/ /)
    t.notMatch(scene.applied.at(-1)?.text, /gone\.test/)
  })
})
