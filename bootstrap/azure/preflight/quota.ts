import { askJson } from '../../calls/call.ts'
import { az, type AzureContext } from '../context.ts'
import { Problem } from '../../calls/problem.ts'
import type { Check } from './check.ts'

/** `az vm list-skus`: https://learn.microsoft.com/rest/api/compute/resource-skus/list */
interface Sku {
  readonly name: string
  readonly family: string
  readonly capabilities: readonly { readonly name: string; readonly value: string }[]
  readonly locationInfo: readonly { readonly zones: readonly string[] | null }[]
  readonly restrictions: readonly {
    readonly type: 'Location' | 'Zone'
    readonly reasonCode: string
    readonly restrictionInfo: { readonly zones: readonly string[] | null }
  }[]
}

/** `az vm list-usage`, whose numbers are text: https://learn.microsoft.com/rest/api/compute/usage/list */
interface Usage {
  readonly currentValue: string
  readonly limit: string
  readonly localName: string
  readonly name: { readonly value: string }
}

/** Nodes at the least, and one more a pool while it is upgraded. */
export const quota: Check = {
  what: 'quota of vCPUs',
  look: async (context) => {
    if (await clusterExists(context)) return []
    const { location, settings } = context.environment.config
    const pools = [settings.cluster.systemPool, settings.cluster.userPool].filter((pool) => pool !== null)
    const sizes = [...new Set(pools.map(({ vmSize }) => vmSize))]
    const skus = await Promise.all(sizes.map((size) => readSku(context, size)))
    const problems = skus.flatMap((sku, index) => placementProblems(context, sizes[index] ?? '', sku))
    const usages = await askJson<readonly Usage[]>(context.run, az(context, 'vm list-usage', { location }))

    const wanted = new Map<string, number>()
    for (const { vmSize, minCount } of pools) {
      const sku = skus[sizes.indexOf(vmSize)]
      const cores = coresOf(sku) * (minCount + 1)
      for (const family of [sku?.family ?? '', 'cores']) wanted.set(family, (wanted.get(family) ?? 0) + cores)
    }
    for (const [family, cores] of wanted) {
      const usage = usages.find(({ name }) => name.value.toLowerCase() === family.toLowerCase())
      const free = usage === undefined ? cores : Number(usage.limit) - Number(usage.currentValue)
      if (free < cores) problems.push(tooFew(location, usage?.localName ?? family, cores, free))
    }
    return problems
  },
}

/** What a cluster that is there uses is counted already. */
async function clusterExists(context: AzureContext): Promise<boolean> {
  const { names } = context.environment
  const call = az(context, 'resource list', { name: names.cluster, 'resource-type': clusterType })
  return (await askJson<readonly unknown[]>(context.run, call)).length > 0
}

const clusterType = 'Microsoft.ContainerService/managedClusters'

async function readSku(context: AzureContext, size: string): Promise<Sku | undefined> {
  const { location } = context.environment.config
  const filter = { location, size, 'resource-type': 'virtualMachines', all: true } as const
  const skus = await askJson<readonly Sku[]>(context.run, az(context, 'vm list-skus', filter))
  return skus.find(({ name }) => name.toLowerCase() === size.toLowerCase())
}

function placementProblems({ environment }: AzureContext, size: string, sku: Sku | undefined): Problem[] {
  const { location, settings } = environment.config
  const what = `machines of size ${size} in ${location}`
  const mend = `override vmSize of the pools, or zones, in ${environment.file}; 'az vm list-skus --location ${location} --zone' lists what there is`
  if (sku === undefined) return [new Problem({ what, why: 'there is no such size', mend })]
  const isShut = sku.restrictions.some(({ type }) => type === 'Location')
  if (isShut) return [new Problem({ what, why: 'the subscription may not have them', mend })]
  const shut = new Set(sku.restrictions.flatMap(({ restrictionInfo }) => restrictionInfo.zones ?? []))
  const zones = new Set(sku.locationInfo.flatMap((info) => info.zones ?? []).filter((zone) => !shut.has(zone)))
  const missing = settings.cluster.zones.filter((zone) => !zones.has(zone))
  return missing.length === 0 ? [] : [new Problem({ what, why: `not in zone ${missing.join(', ')}`, mend })]
}

function coresOf(sku: Sku | undefined): number {
  return Number(sku?.capabilities.find(({ name }) => name === 'vCPUs')?.value ?? 0)
}

function tooFew(location: string, what: string, wanted: number, free: number): Problem {
  return new Problem({
    what: `quota of ${what} in ${location}`,
    why: `${wanted} are needed to begin and to upgrade, ${free} are free`,
    mend: 'ask for more at https://portal.azure.com (Quotas, Compute), or override vmSize and minCount in the environment',
  })
}
