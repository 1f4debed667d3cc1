import { ApiException, NetworkingV1Api, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import type { KubeConfig, V1Ingress } from '@kubernetes/client-node'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { convergeOnChange } from '../converge-on-change.ts'
import { certificateFiles } from './certificate-files.ts'
import type { WatchedObjects } from './cluster-watch.ts'
import { watchCluster } from './cluster-watch.ts'
import type { HaproxyConfig } from './haproxy-config.ts'
import { haproxyConfig } from './haproxy-config.ts'
import type { Applied } from './haproxy.ts'
import type { ObjectKey } from './routing.ts'
import { keyText, routingTable } from './routing.ts'

export interface IngressControllerOptions {
  readonly kubeConfig: KubeConfig
  readonly proxy: { apply(config: HaproxyConfig, signal: AbortSignal): Promise<Applied> }
  /** What the sockets are bound to; nothing for every address. */
  readonly address?: string
  readonly httpPort: number
  readonly adminPort: number
  /** Serve TLS by the Secrets that Ingresses name; needs the right to list and watch those of type kubernetes.io/tls. */
  readonly tls?: { readonly port: number; readonly directory: string }
  /** What Ingresses are told in `status.loadBalancer`. */
  readonly nodeAddress: string
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Each reload leaves an old worker behind for a while. */
const settleMs = 200

/** Keeps the proxy's configuration and the Ingresses' status as the cluster's objects ask, until the signal aborts. */
export async function runIngressController(options: IngressControllerOptions): Promise<void> {
  const { kubeConfig, log, signal } = options
  const tell = problemTeller(log)
  const loop = convergeOnChange({
    settleMs,
    log,
    signal,
    converge: async () => {
      const objects = watch.snapshot()
      if (objects) await converge(objects, options, tell)
    },
  })
  const withSecrets = options.tls !== undefined
  const watch = watchCluster({ kubeConfig, withSecrets, log, signal, onChange: loop.wake })
  await loop.ended
}

async function converge(
  objects: WatchedObjects,
  options: IngressControllerOptions,
  tell: (problems: readonly string[]) => void,
): Promise<void> {
  const { tls, proxy, log, signal } = options
  const table = routingTable(objects)
  const certificates = tls && certificateFiles(table.certificates, objects.secrets, tls.directory)
  tell([
    ...table.problems.map(({ ingress, message }) => `Ingress ${keyText(ingress)}: ${message}`),
    ...(certificates?.problems ?? []),
  ])
  if (tls && certificates) await writeFiles(certificates.files)
  const config = haproxyConfig(table, {
    httpPort: options.httpPort,
    adminPort: options.adminPort,
    ...(options.address !== undefined && { address: options.address }),
    ...(tls && certificates?.list && { tls: { port: tls.port, certificateList: certificates.list } }),
  })
  const applied = await proxy.apply(config, signal)
  if (applied !== 'unchanged') {
    log.info(
      { applied, revision: config.revision, ingresses: table.served.length },
      'the proxy serves a new configuration',
    )
  }
  if (tls && certificates) await removeOthers(tls.directory, certificates.files)
  await publishAddress(objects.ingresses, table.served, options)
}

async function writeFiles(files: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, content] of files) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(path, content, { mode: 0o600 })
  }
}

/** A worker has read its files once it serves, so those of earlier configurations can go. */
async function removeOthers(directory: string, files: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    if (!files.has(path)) await rm(path)
  }
}

async function publishAddress(
  ingresses: readonly V1Ingress[],
  served: readonly ObjectKey[],
  { kubeConfig, nodeAddress, signal }: IngressControllerOptions,
): Promise<void> {
  const api = kubeConfig.makeApiClient(NetworkingV1Api)
  const keys = new Set(served.map(keyText))
  const isTold = (address: { readonly ip?: string; readonly hostname?: string }): boolean => address.ip === nodeAddress
  for (const { metadata, status } of ingresses) {
    const key = { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' }
    const told = status?.loadBalancer?.ingress ?? []
    if (!keys.has(keyText(key)) || (told.length === 1 && told.every(isTold))) continue
    signal.throwIfAborted()
    const body = { status: { loadBalancer: { ingress: [{ ip: nodeAddress }] } } }
    try {
      await api.patchNamespacedIngressStatus(
        { ...key, body },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      )
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ApiException && error.code === 404
}

/** Logs a problem when it comes up, and not again with every change of something else. */
function problemTeller(log: Logger): (problems: readonly string[]) => void {
  let known: ReadonlySet<string> = new Set()
  return (problems) => {
    const now = new Set(problems)
    for (const problem of now) if (!known.has(problem)) log.warn({ problem }, 'a rule can not be served as asked')
    known = now
  }
}
