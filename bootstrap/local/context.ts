import { KubeConfig } from '@kubernetes/client-node'
import { access, mkdir, rm } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Cluster, ClusterBackend, UpOptions } from './backend.ts'
import { writeWhole } from './files.ts'
import { stateDir } from './paths.ts'
import { run } from './run.ts'

/**
 * A cluster that is there already, by its context in the user's kubeconfig. It is asked whether it answers and else
 * left as it is: it is neither made nor removed. All else works with a copy of that one context, so that no other can
 * be reached by mistake, whichever is the current one.
 */
export function contextBackend(context: string): ClusterBackend {
  return {
    name: 'context',
    up: (options) => up(context, options),
    down: (options) => down(context, options),
    find: (name) => find(context, name),
  }
}

async function up(context: string, { name, signal, onStep }: UpOptions): Promise<Cluster> {
  const config = readContext(context)
  onStep?.(`asking the cluster of context ${context} whether it answers`)
  await assertAnswers(config, context, signal)
  const file = kubeconfigOf(name)
  await mkdir(contextDir(name), { recursive: true, mode: 0o700 })
  await writeWhole(file, stringify(JSON.parse(config.exportConfig())), { mode: 0o600 })
  return clusterOf(name)
}

/** Removes our copy of the context, and nothing from a cluster that was not made here. */
async function down(context: string, { name, onStep }: UpOptions): Promise<void> {
  onStep?.(`the cluster of context ${context} was not made here: it is left as it is`)
  await rm(contextDir(name), { recursive: true, force: true })
}

async function find(context: string, name: string): Promise<Cluster | undefined> {
  const isKnown = await access(kubeconfigOf(name)).then(
    () => true,
    () => false,
  )
  if (!isKnown) return undefined
  const answers = await assertAnswers(readContext(context), context, undefined).then(
    () => true,
    () => false,
  )
  return answers ? clusterOf(name) : undefined
}

function clusterOf(name: string): Cluster {
  const kubeconfig = kubeconfigOf(name)
  return {
    name,
    backend: 'context',
    kubeconfig,
    stateDir: contextDir(name),
    // Its names and addresses are whatever this machine makes of them.
    exec: (command, args, options = {}) =>
      run(command, args, { ...options, env: { KUBECONFIG: kubeconfig, ...options.env } }),
  }
}

/** The named context with its cluster and user, and nothing else of the kubeconfig. */
function readContext(context: string): KubeConfig {
  const all = new KubeConfig()
  all.loadFromDefault()
  const found = all.getContextObject(context)
  if (found === null) {
    const known = all.contexts.map(({ name }) => name).join(', ') || 'none'
    throw new Error(`the kubeconfig has no context '${context}' (it has: ${known})`)
  }
  const only = new KubeConfig()
  only.loadFromOptions({
    contexts: [found],
    clusters: all.clusters.filter(({ name }) => name === found.cluster),
    users: all.users.filter(({ name }) => name === found.user),
    currentContext: context,
  })
  return only
}

const answerTimeoutMs = 10_000

async function assertAnswers(config: KubeConfig, context: string, signal: AbortSignal | undefined): Promise<void> {
  const server = config.getCurrentCluster()?.server
  if (server === undefined)
    throw new Error(`the context '${context}' names a cluster that the kubeconfig does not have`)
  const timeout = AbortSignal.timeout(answerTimeoutMs)
  const options: RequestOptions = { signal: signal ? AbortSignal.any([signal, timeout]) : timeout }
  await config.applyToHTTPSOptions(options)
  const problem = await askVersion(new URL('/version', server), options).catch((error: unknown) => {
    signal?.throwIfAborted()
    return timeout.aborted ? `nothing within ${answerTimeoutMs / 1000} s` : String(error)
  })
  if (problem !== undefined) throw new Error(`the cluster of context '${context}' (${server}) answers ${problem}`)
}

/** What is wrong with the answer, if anything is. */
function askVersion(url: URL, options: RequestOptions): Promise<string | undefined> {
  const request = url.protocol === 'http:' ? requestHttp : requestHttps
  return new Promise((resolve, reject) => {
    const asking = request(url, options, (response) => {
      response.resume()
      resolve(response.statusCode === 200 ? undefined : `${response.statusCode} ${response.statusMessage ?? ''}`)
    })
    asking.once('error', reject)
    asking.end()
  })
}

function contextDir(name: string): string {
  return stateDir('contexts', name)
}

function kubeconfigOf(name: string): string {
  return join(contextDir(name), 'kubeconfig')
}
