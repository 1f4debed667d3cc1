import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { revisionTag } from '../../../dashboards/src/rules/azure.ts'
import { askJson } from '../../calls/call.ts'
import { readInOrder } from '../../local/manifest-files.ts'
import { checkout } from '../../local/checkout.ts'
import type { Manifest } from '../../local/install.ts'
import { az, type AzureContext } from '../context.ts'
import { applying, calling, done, toDo } from '../step.ts'
import { isApplied } from '../steps/applied.ts'
import type { Monitoring } from '../steps/monitoring.ts'
import { listingRuleGroups, type ListedRuleGroup } from './listed-rule-groups.ts'
import { ruleDeployment, type RuleDeployment } from './rule-deployment.ts'

const folder = join(checkout, 'dashboards', 'azure')
const template = join(folder, 'prometheus-rule-groups.json')

/** Azure Monitor's managed Prometheus: its own kinds of monitors, and rule groups as resources of Azure. */
export const managedPrometheus: Monitoring = {
  find: async (context) => {
    const behind = await groupsBehind(context)
    if (behind.length > 0) return toDo(`rule groups that are missing or not as they would be now: ${behind.join(', ')}`)
    if (!(await isApplied(context, await monitors()))) return toDo('monitors are not what their files say')
    const { config, file } = context.environment
    const there = 'monitors and rule groups of managed Prometheus'
    const { actionGroupId } = config.settings.monitoring
    if (actionGroupId !== null) return done(`${there}; alerts go to ${actionGroupId}`)
    context.notes.push(
      `Nobody is told of alerts yet: name an action group by monitoring.actionGroupId in ${file}; type the same again then`,
    )
    return done(`${there}; nobody is told of alerts, for monitoring.actionGroupId is not set`)
  },
  actions: async (context) => {
    const { parameters } = await deploymentOf(context)
    const deploy = az(context, 'deployment group create', {
      name: 'windlass-rules',
      'resource-group': context.environment.names.platformGroup,
      'template-file': template,
      parameters,
    })
    return [applying(await monitors()), calling(deploy)]
  },
}

/** The Namespaces come first: what is watched may be installed later. */
async function monitors(): Promise<readonly Manifest[]> {
  const files = ['servicemonitor-windlass.yaml', 'podmonitor-predictor.yaml']
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  const namespaces = [
    ...(await readInOrder(join(checkout, 'manifests', 'reconciler'))),
    ...(await readInOrder(join(checkout, 'manifests', 'predictor', 'operator'))),
  ].filter(({ kind }) => kind === 'Namespace')
  return [...namespaces, ...texts.map((text) => parse(text) as Manifest)]
}

/** By their tag, for Azure may give rules back otherwise than they were written. */
async function groupsBehind(context: AzureContext): Promise<readonly string[]> {
  const { groups, revision } = await deploymentOf(context)
  const listed = await askJson<readonly ListedRuleGroup[]>(context.run, listingRuleGroups(context))
  const current = new Set(listed.filter(({ tags }) => tags?.[revisionTag] === revision).map(({ name }) => name))
  return groups.filter((name) => !current.has(name))
}

async function deploymentOf({ environment }: AzureContext): Promise<RuleDeployment> {
  return ruleDeployment(environment, await readFile(template, 'utf8'))
}
