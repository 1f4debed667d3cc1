import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkout } from '../../local/checkout.ts'
import type { AzureContext } from '../context.ts'
import type { AzureStep, Found } from '../step.ts'
import { linkNotes } from '../monitoring/link-notes.ts'
import { managedPrometheus } from '../monitoring/managed.ts'
import { prometheusStack } from '../monitoring/stack.ts'

/** One way to have the programs watched. */
export interface Monitoring {
  readonly find: (context: AzureContext) => Promise<Found>
  readonly actions: AzureStep['actions']
}

const rules = join(checkout, 'dashboards', 'rules', 'windlass.rules.yaml')

/** Azure's managed Prometheus where the profile has it, else the cluster's own. */
export const monitoring: AzureStep = {
  name: 'monitoring',
  title: 'Metrics, rules and dashboards',
  find: async (context) => {
    const found = await kindOf(context).find(context)
    // All that is installed of the rules is made of one source.
    if (found.isDone) context.notes.push(...linkNotes(await readFile(rules, 'utf8')))
    return found
  },
  actions: (context) => kindOf(context).actions(context),
  // Azure lists a tag a while after it was set, and the operator may write into a rule that is compared.
  settleMs: 60_000,
}

function kindOf({ environment }: AzureContext): Monitoring {
  return environment.config.settings.monitoring.managedPrometheus ? managedPrometheus : prometheusStack
}
