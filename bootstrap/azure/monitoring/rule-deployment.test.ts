import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { revisionTag } from '../../../dashboards/src/rules/azure.ts'
import { checkout } from '../../local/checkout.ts'
import { recordedWorld } from '../testing.ts'
import { ruleDeployment } from './rule-deployment.ts'

interface Template {
  readonly parameters: Readonly<Record<string, object>>
  readonly variables: { readonly actions: string }
  readonly resources: ReadonlyArray<{
    readonly name: string
    readonly tags: Readonly<Record<string, string>>
    readonly properties: { readonly rules: ReadonlyArray<{ readonly alert?: string; readonly actions?: string }> }
  }>
}

const shipped = await readFile(join(checkout, 'dashboards', 'azure', 'prometheus-rule-groups.json'), 'utf8')
const template = JSON.parse(shipped) as Template

t.test('the revision is another one with any other rule or parameter, and the same for the same', async (t) => {
  const { environment } = (await recordedWorld(t, { profile: 'prod' })).context()
  const { revision } = ruleDeployment(environment, shipped)
  t.match(revision, /^[0-9a-f]{64}$/)
  t.equal(ruleDeployment(environment, JSON.stringify(template)).revision, revision, 'however it is laid out')
  t.not(ruleDeployment(environment, shipped.replace('[5m]', '[6m]')).revision, revision)
  const ids = { ...environment.ids, metrics: `${environment.ids.metrics}2` }
  t.not(ruleDeployment({ ...environment, ids }, shipped).revision, revision)
})

t.test(
  'the template has each parameter, tags each group with the revision, and tells the group of each alert',
  async (t) => {
    const actionGroupId =
      '/subscriptions/6f1d0c7e-4b52-4a3e-9a51-0d3c1c9e7a10/resourceGroups/rg-on-call/providers/Microsoft.Insights/actionGroups/ag-on-call'
    const world = await recordedWorld(t, { profile: 'prod', override: { monitoring: { actionGroupId } } })
    const { parameters, revision, groups } = ruleDeployment(world.context().environment, shipped)
    t.ok(parameters.includes(`actionGroupId=${actionGroupId}`))
    t.ok(parameters.includes(`revision=${revision}`))
    for (const parameter of parameters) t.ok(template.parameters[parameter.split('=')[0] ?? ''], parameter)
    t.match(template.variables.actions, "createObject('actionGroupId', parameters('actionGroupId'))")
    t.ok(groups.length > 0)
    t.same(
      template.resources.map(({ name }) => name),
      groups,
    )
    for (const { name, tags, properties } of template.resources) {
      t.equal(tags[revisionTag], "[parameters('revision')]", name)
      for (const { alert, actions } of properties.rules)
        t.equal(actions, alert && "[variables('actions')]", alert ?? name)
    }
  },
)
