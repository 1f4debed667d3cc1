import { tenantObjects } from '../../cluster/tenant.ts'
import type { Manifest } from '../../local/install.ts'
import type { AzureContext } from '../context.ts'
import { predictorRepository } from '../repositories.ts'
import { applying, done, toDo, type AzureStep } from '../step.ts'
import { readOutput } from '../terraform/stack.ts'
import { isApplied } from './applied.ts'

/** The predictor's namespace, account, rights and Delivery: from then on its releases come by themselves. */
export const delivery: AzureStep = {
  name: 'delivery',
  title: "The predictor's Delivery",
  find: async (context) => {
    const isThere = await isApplied(context, await objectsOf(context))
    return isThere ? done('predictor/predictor') : toDo('it is not what its manifests say')
  },
  actions: async (context) => [applying(await objectsOf(context))],
  // The reconciler writes into it as soon as it is there: a comparison may fall between what it compares.
  settleMs: 30_000,
}

async function objectsOf(context: AzureContext): Promise<readonly Manifest[]> {
  const host = await readOutput(context, 'platform', 'registry-host')
  return tenantObjects({ repository: `${host}/${predictorRepository}` })
}
