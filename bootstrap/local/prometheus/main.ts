// The program beside Prometheus in its pod: tells it which pods to scrape.
import { KubeConfig } from '@kubernetes/client-node'
import { pino } from 'pino'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { runDiscovery } from './discovery.ts'

const { TARGETS_FILE } = Value.Parse(Type.Object({ TARGETS_FILE: Type.String({ minLength: 1 }) }), process.env)

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())

const kubeConfig = new KubeConfig()
kubeConfig.loadFromDefault()
await runDiscovery({ kubeConfig, file: TARGETS_FILE, log: pino(), signal: stop.signal })
process.exit()
