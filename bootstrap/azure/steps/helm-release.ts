import { isDeepStrictEqual } from 'node:util'
import { askJson, commandLine, type Call } from '../../calls/call.ts'
import { Problem } from '../../calls/problem.ts'
import { helm, type AzureContext } from '../context.ts'
import { calling, done, toDo, type Action, type Found } from '../step.ts'
import { helmUpgrade, type Chart } from './charts.ts'

/** `helm list --output json`: https://helm.sh/docs/helm/helm_list */
interface Release {
  readonly name: string
  readonly status: string
  readonly chart: string
}

/** `helm history --output json`: https://helm.sh/docs/helm/helm_history */
interface Revision {
  readonly revision: number
  readonly updated: string
  readonly status: string
}

/** Longer than any Helm of ours is at work on one release. */
const abandonedAfterMs = 30 * 60_000

/** Whether a chart is installed, in its version and with its values. */
export async function findRelease(context: AzureContext, chart: Chart): Promise<Found> {
  const { release, namespace } = chart
  const installed = await findInstalled(context, chart)
  if (installed === undefined) return toDo(`${release} is not installed`)
  const wanted = `${chart.chart.split('/').at(-1)}-${chart.version}`
  if (isPending(installed)) {
    await revisionToGoBackTo(context, chart)
    return toDo(`${release} is ${installed.status}, and nobody is at it any more`)
  }
  if (installed.status !== 'deployed') return toDo(`${release} is ${installed.status}`)
  if (installed.chart !== wanted) return toDo(`${release} is ${installed.chart}, not ${wanted}`)
  const get = helm(context, `get values ${release}`, { namespace, output: 'json' })
  const values = await askJson<Record<string, unknown> | null>(context.run, get)
  if (!isDeepStrictEqual(values ?? {}, chart.values)) return toDo(`${release} has other values`)
  return done(`${installed.chart} in ${namespace}`)
}

async function findInstalled(context: AzureContext, { release, namespace }: Chart): Promise<Release | undefined> {
  const list = helm(context, 'list', { namespace, filter: `^${release}$`, output: 'json' })
  const [installed] = await askJson<readonly Release[]>(context.run, list)
  return installed
}

/**
 * Installs or upgrades it, and waits until it is ready; the values come by stdin. What a Helm that was killed has left half
 * done is gone back from first: each upgrade is refused until then.
 */
export async function installRelease(context: AzureContext, chart: Chart): Promise<readonly Action[]> {
  const { command, options, input } = helmUpgrade(chart, '10m')
  const call = helm(context, command, options)
  return [
    ...(await repairs(context, chart)),
    { text: `${commandLine(call)} <<<'${input}'`, perform: ({ run }) => run({ ...call, input }) },
  ]
}

async function repairs(context: AzureContext, chart: Chart): Promise<readonly Action[]> {
  try {
    const installed = await findInstalled(context, chart)
    if (installed === undefined || !isPending(installed)) return []
    return [calling(rollback(context, chart, await revisionToGoBackTo(context, chart)))]
  } catch (error) {
    if (!context.isDryRun) throw error
    return []
  }
}

function isPending({ status }: Pick<Release, 'status'>): boolean {
  return status.startsWith('pending-')
}

/** Without waiting: the upgrade that follows does. */
function rollback(context: AzureContext, { release, namespace }: Chart, revision: number): Call {
  return helm(context, `rollback ${release} ${revision}`, { namespace })
}

/**
 * The last revision that was deployed. Nothing is gone back from while a Helm may be at work, here or at a colleague's; and
 * nothing is uninstalled by itself, for addresses and volumes go with it.
 */
async function revisionToGoBackTo(context: AzureContext, chart: Chart): Promise<number> {
  const { release, namespace } = chart
  const history = helm(context, `history ${release}`, { namespace, output: 'json' })
  const revisions = await askJson<readonly Revision[]>(context.run, history)
  const last = revisions.at(-1)
  const deployed = revisions.findLast(({ status }) => status === 'deployed')
  const undo =
    deployed === undefined
      ? helm(context, `uninstall ${release}`, { namespace })
      : rollback(context, chart, deployed.revision)
  const isAbandoned = last !== undefined && Date.now() - Date.parse(last.updated) > abandonedAfterMs
  if (isAbandoned && deployed !== undefined) return deployed.revision
  const mend = `${commandLine(undo)}, then type the same again`
  throw new Problem({
    what: `release ${release} of Helm in namespace ${namespace}`,
    why: `it is ${last?.status} since ${last?.updated}: a Helm is at work on it, or was killed`,
    mend: isAbandoned
      ? `no revision of it was ever deployed, so that it has to go before it can come: ${mend}`
      : `wait for its end. Where it was killed: ${mend}`,
  })
}
