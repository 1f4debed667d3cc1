import type { AzureContext } from '../context.ts'
import type { AzureStep, Found } from '../step.ts'
import { managedPrometheus } from '../monitoring/managed.ts'
import { prometheusStack } from '../monitoring/stack.ts'

/** One way to have the programs watched. */
export interface Monitoring {
  readonly find: (context: AzureContext) => Promise<Found>
  readonly actions: AzureStep['actions']
}

/** Azure's managed Prometheus where the profile has it, else the cluster's own. */
export const monitoring: AzureStep = {
  name: 'monitoring',
  title: 'Metrics, rules and dashboards',
  find: (context) => kindOf(context).find(context),
  actions: (context) => kindOf(context).actions(context),
  // Azure lists a tag a while after it was set, and the operator may write into a rule that is compared.
  settleMs: 60_000,
}

function kindOf({ environment }: AzureContext): Monitoring {
  return environment.config.settings.monitoring.managedPrometheus ? managedPrometheus : prometheusStack
}
