import { az, runUnless, type AzureContext } from '../context.ts'
import { listingRuleGroups, ruleGroupsOf, type ListedRuleGroup } from '../monitoring/listed-rule-groups.ts'
import { calling, done, toDo, type AzureStep } from '../step.ts'

/**
 * What the step `monitoring` put into the platform's group. No stack knows of it, and Terraform deletes no group that
 * still holds something.
 */
export const destroyRuleGroups: AzureStep = {
  name: 'destroy-rules',
  title: 'Rule groups of managed Prometheus',
  find: async (context) => {
    const names = await ruleGroups(context)
    return names.length === 0 ? done('there are none') : toDo(`there are ${names.length}`)
  },
  actions: async (context) => {
    const within = ruleGroupsOf(context)
    return (await ruleGroups(context)).map((name) => calling(az(context, 'resource delete', { name, ...within })))
  },
}

async function ruleGroups(context: AzureContext): Promise<readonly string[]> {
  const answer = await runUnless(context, listingRuleGroups(context), /ResourceGroupNotFound|could not be found/i)
  return ((answer ? JSON.parse(answer.stdout) : []) as readonly ListedRuleGroup[]).map(({ name }) => name)
}
