import { ruleGroupType } from '../../../dashboards/src/rules/azure.ts'
import type { Call } from '../../calls/call.ts'
import { az, type AzureContext } from '../context.ts'

/** A resource as Azure lists it: https://learn.microsoft.com/rest/api/resources/resources/list-by-resource-group */
export interface ListedRuleGroup {
  readonly name: string
  readonly tags?: Readonly<Record<string, string>> | null
}

/** Where the rule groups are, and nothing else is meant. */
export function ruleGroupsOf({ environment }: AzureContext) {
  return { 'resource-group': environment.names.platformGroup, 'resource-type': ruleGroupType } as const
}

/** Answers `ListedRuleGroup[]` as JSON. */
export function listingRuleGroups(context: AzureContext): Call {
  return az(context, 'resource list', ruleGroupsOf(context))
}
