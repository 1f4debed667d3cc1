import { az, runUnless, type AzureContext } from '../context.ts'
import { calling, done, toDo, type AzureStep } from '../step.ts'

const type = { 'resource-type': 'Microsoft.AlertsManagement/prometheusRuleGroups' }

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
    const within = { 'resource-group': context.environment.names.platformGroup, ...type }
    return (await ruleGroups(context)).map((name) => calling(az(context, 'resource delete', { name, ...within })))
  },
}

async function ruleGroups(context: AzureContext): Promise<readonly string[]> {
  const call = az(context, 'resource list', { 'resource-group': context.environment.names.platformGroup, ...type })
  const answer = await runUnless(context, call, /ResourceGroupNotFound|could not be found/i)
  return ((answer ? JSON.parse(answer.stdout) : []) as readonly { readonly name: string }[]).map(({ name }) => name)
}
