// The program of the Ingress pod: HAProxy, and the controller that configures it.
import { KubeConfig } from '@kubernetes/client-node'
import { pino } from 'pino'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { runIngressController } from './controller.ts'
import { Haproxy } from './haproxy.ts'
import { containerPorts } from './ports.ts'

const log = pino()
const environment = Value.Parse(
  Type.Object({
    NODE_ADDRESS: Type.String({ minLength: 1 }),
    RUNTIME_DIRECTORY: Type.String({ minLength: 1 }),
    SERVE_TLS: Type.Union([Type.Literal('true'), Type.Literal('false')]),
  }),
  process.env,
)

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())

const proxy = new Haproxy({
  binary: '/usr/sbin/haproxy',
  directory: environment.RUNTIME_DIRECTORY,
  adminUrl: `http://127.0.0.1:${containerPorts.admin}`,
  onFailedRequest: (line) => log.warn({ line }, 'a request failed'),
  onNotice: (line) =>
    line.startsWith('[ALERT]') ? log.error({ line }, 'the proxy fails') : log.debug({ line }, 'the proxy says'),
  onExit: (error) => {
    log.fatal({ err: error }, 'the proxy is gone')
    process.exitCode = 1
    stop.abort()
  },
})

const kubeConfig = new KubeConfig()
kubeConfig.loadFromDefault()
await runIngressController({
  kubeConfig,
  proxy,
  httpPort: containerPorts.http,
  adminPort: containerPorts.admin,
  ...(environment.SERVE_TLS === 'true' && {
    tls: { port: containerPorts.https, directory: `${environment.RUNTIME_DIRECTORY}/tls` },
  }),
  nodeAddress: environment.NODE_ADDRESS,
  log,
  signal: stop.signal,
})
await proxy.stop()
process.exit()
