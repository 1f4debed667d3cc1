import { isDeepStrictEqual } from 'node:util'
import { askJson, commandLine } from '../../calls/call.ts'
import { helm, type AzureContext } from '../context.ts'
import { done, toDo, type Action, type Found } from '../step.ts'
import type { Chart } from './charts.ts'

/** `helm list --output json`: https://helm.sh/docs/helm/helm_list */
interface Release {
  readonly name: string
  readonly status: string
  readonly chart: string
}

/** Whether a chart is installed, in its version and with its values. */
export async function findRelease(context: AzureContext, chart: Chart): Promise<Found> {
  const { release, namespace } = chart
  const list = helm(context, 'list', { namespace, filter: `^${release}$`, output: 'json' })
  const [installed] = await askJson<readonly Release[]>(context.run, list)
  if (installed === undefined) return toDo(`${release} is not installed`)
  const wanted = `${chart.chart.split('/').at(-1)}-${chart.version}`
  if (installed.status !== 'deployed') return toDo(`${release} is ${installed.status}`)
  if (installed.chart !== wanted) return toDo(`${release} is ${installed.chart}, not ${wanted}`)
  const get = helm(context, `get values ${release}`, { namespace, output: 'json' })
  const values = await askJson<Record<string, unknown> | null>(context.run, get)
  if (!isDeepStrictEqual(values ?? {}, chart.values)) return toDo(`${release} has other values`)
  return done(`${installed.chart} in ${namespace}`)
}

/** Installs or upgrades it, and waits until it is ready; the values come by stdin. */
export function installRelease(context: AzureContext, chart: Chart): Action {
  const { release, namespace, repository, version, values } = chart
  const call = helm(context, `upgrade --install ${release} ${chart.chart}`, {
    repo: repository,
    version,
    namespace,
    'create-namespace': true,
    values: '-',
    wait: true,
    timeout: '10m',
  })
  const input = JSON.stringify(values)
  return { text: `${commandLine(call)} <<<'${input}'`, perform: ({ run }) => run({ ...call, input }) }
}
