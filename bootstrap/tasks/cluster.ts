// `npm run cluster -- up|down|status`: a cluster to try things in, on this machine or by a context that is there already.
import { Command, Option } from 'commander'
import { dirname } from 'node:path'
import { request } from 'undici'
import type { Cluster, ClusterBackend, LocalBackend } from '../local/backend.ts'
import { backendNames, backendOf } from '../local/choose-backend.ts'
import { contextBackend } from '../local/context.ts'
import { formatElapsed } from '../local/elapsed.ts'
import { addressesOn, platformOn } from '../local/platform.ts'

interface Options {
  readonly name?: string
  readonly context?: string
  readonly bare?: boolean
  readonly backend: LocalBackend['name']
}

/** Of the cluster that is meant where none is named. */
const ownName = 'local'

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)))
}

const program = new Command('cluster')
  .description('Bring a cluster up on this machine, take it down, or look at it.')
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError()
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .option('--name <name>', `which cluster; several run side by side (${ownName} if not given; the demo's is demo)`)
  .addOption(
    new Option('--backend <backend>', 'what it runs on: this machine itself, or a container of Docker by kind')
      .choices(backendNames)
      .default('native'),
  )
  .option('--context <name>', 'a cluster that is there already, by its context; it is neither made nor removed')
program
  .command('up')
  .description('bring it up, or find that it is: with registry, Ingress, Prometheus and reconciler')
  .option('--bare', 'the cluster alone')
  .action(act(up))
program.command('down').description('leave nothing of it').action(act(down))
program
  .command('status')
  .description('tell of every cluster of this machine, or of one, whether it is up; ends with 1 when none is')
  .action(act(status))
await program.parseAsync()

async function up(backend: ClusterBackend, { name = ownName, bare = false, ...options }: Options): Promise<void> {
  const startedAt = performance.now()
  const onStep = (step: string): void => console.log(`${sinceText(startedAt)}  ${step}`)
  const upOptions = { name, signal: interruption.signal, onStep }
  if (options.context !== undefined || bare) {
    const cluster = await backend.up(upOptions)
    console.log(`${sinceText(startedAt)}  the cluster is up\n`)
    await describe(cluster)
    return
  }
  const platform = await platformOn(await backendOf(options.backend).up(upOptions), upOptions)
  console.log(`${sinceText(startedAt)}  the platform is up\n`)
  await describe(platform.cluster)
  await platform.close()
}

async function down(backend: ClusterBackend, { name = ownName }: Options): Promise<void> {
  const startedAt = performance.now()
  const onStep = (step: string): void => console.log(`${sinceText(startedAt)}  ${step}`)
  await backend.down({ name, signal: interruption.signal, onStep })
  console.log(`${sinceText(startedAt)}  nothing of cluster ${name} is left`)
}

async function status(backend: ClusterBackend, options: Options): Promise<void> {
  const { name, context } = options
  const names = name === undefined ? await namesOf(options) : [name]
  if (names.length === 0) console.log('no cluster is up on this machine')
  process.exitCode = 1
  for (const name of names) {
    const cluster = await backend.find(name)
    if (cluster === undefined) console.log(`cluster     ${notUp(name, context)}`)
    else {
      await describe(cluster)
      process.exitCode = 0
    }
  }
}

function notUp(name: string, context: string | undefined): string {
  if (context === undefined) return `${name} is not up`
  return `of context ${context} does not answer, or was not taken up: npm run cluster -- up --context ${context}`
}

/** A cluster that is there already has only the one name. */
async function namesOf({ context, backend }: Options): Promise<readonly string[]> {
  return context === undefined ? (await backendOf(backend).names()).toSorted() : [ownName]
}

/** Fails with the message alone: a person reads it, and it says what to do. */
function act(action: (backend: ClusterBackend, options: Options) => Promise<void>) {
  return async (_: unknown, command: Command): Promise<void> => {
    const options = command.optsWithGlobals<Options>()
    const backend = options.context === undefined ? backendOf(options.backend) : contextBackend(options.context)
    try {
      await action(backend, options)
    } catch (error) {
      console.error(error instanceof Error ? error.message : error)
      process.exitCode = interruption.signal.aborted ? 130 : 1
    }
  }
}

async function describe(cluster: Cluster): Promise<void> {
  const { name, kubeconfig, nodeIp, stateDir } = cluster
  console.log(`cluster     ${name} is up`)
  if (nodeIp !== undefined) {
    console.log(`node        ${nodeIp}`)
    const { ingressUrl, prometheusUrl } = addressesOn(nodeIp)
    // A bare cluster has neither.
    if (await answers(ingressUrl)) console.log(`Ingress     ${ingressUrl}`)
    if (await answers(prometheusUrl)) console.log(`Prometheus  ${prometheusUrl}`)
  }
  console.log(`folder      ${stateDir}`)
  console.log(`kubeconfig  export KUBECONFIG=${kubeconfig}${pathWith(cluster)}`)
}

/** With an error of its own too, as the Ingress has for a host that it does not know. */
async function answers(url: string): Promise<boolean> {
  try {
    const { body } = await request(url, { signal: AbortSignal.timeout(2_000) })
    await body.dump()
    return true
  } catch {
    return false
  }
}

/** A cluster of this machine has a kubectl of its version; another's is whatever the machine has. */
function pathWith(cluster: Cluster): string {
  return 'kubectl' in cluster && typeof cluster.kubectl === 'string' ? ` PATH=${dirname(cluster.kubectl)}:$PATH` : ''
}

function sinceText(startedAt: number): string {
  return formatElapsed(performance.now() - startedAt).padStart(12)
}
