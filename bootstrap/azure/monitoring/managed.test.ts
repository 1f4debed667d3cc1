import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkout } from '../../local/checkout.ts'
import { planSteps } from '../dry-run.ts'
import { ids } from '../recordings/ids.ts'
import { json, type Recording } from '../recordings/recording.ts'
import { runStep } from '../run-steps.ts'
import { monitoring } from '../steps/monitoring.ts'
import { recordedWorld, type TestWorld } from '../testing.ts'
import { linkNotes } from './link-notes.ts'
import { ruleDeployment } from './rule-deployment.ts'

const template = await readFile(join(checkout, 'dashboards', 'azure', 'prometheus-rule-groups.json'), 'utf8')

const actionGroupId = `/subscriptions/${ids.subscription}/resourceGroups/rg-on-call/providers/Microsoft.Insights/actionGroups/ag-on-call`

const group = 'rg-windlass-prod-platform'
const type = 'Microsoft.AlertsManagement/prometheusRuleGroups'
const deploy = 'az deployment group create --name windlass-rules'

interface Setup {
  readonly actionGroupId?: string
  /** What of the deployment Azure still shows; all of it where it is not given. */
  readonly tagsAre?: (revision: string) => Readonly<Record<string, string>> | null
}

/** An environment whose rule groups were deployed before, as Azure lists them. */
async function deployed(t: Test, { tagsAre = tag, ...settings }: Setup): Promise<TestWorld> {
  const options = { profile: 'prod', override: { monitoring: settings } } as const
  const { environment } = (await recordedWorld(t, options)).context()
  const { groups, revision } = ruleDeployment(environment, template)
  return recordedWorld(t, {
    ...options,
    recordings: [
      listed(groups, tagsAre(revision)),
      { command: deploy },
      { ...listed(groups, tag(revision)), after: deploy },
      { command: 'kubectl diff' },
    ],
  })
}

const tag = (revision: string) => ({ 'windlass-rules': revision })

/** https://learn.microsoft.com/cli/azure/resource#az-resource-list */
function listed(names: readonly string[], tags: Readonly<Record<string, string>> | null): Recording {
  return {
    command: 'az resource list',
    stdout: json(
      names.map((name) => ({
        id: `/subscriptions/${ids.subscription}/resourceGroups/${group}/providers/${type}/${name}`,
        location: 'westeurope',
        name,
        resourceGroup: group,
        tags,
        type,
      })),
    ),
  }
}

/** What is said of the links of alerts, which is as the checkout is. */
const notesOnLinks = linkNotes(await readFile(join(checkout, 'dashboards', 'rules', 'windlass.rules.yaml'), 'utf8'))

const isChange = (line: string): boolean => line.startsWith('az deployment')

/** What Azure is told. No test applies the monitors of this profile to an API server: the end-to-end test is of profile dev. */
async function deployRules(world: TestWorld): Promise<void> {
  const context = world.context()
  for (const action of await monitoring.actions(context)) if (isChange(action.text)) await action.perform(context)
}

const behind: Readonly<Record<string, NonNullable<Setup['tagsAre']>>> = {
  'of another commit': () => tag('ab'.repeat(32)),
  'from before they were tagged': () => null,
  'by hand': () => tag('by hand'),
}

for (const [name, tagsAre] of Object.entries(behind)) {
  t.test(`rule groups that were deployed ${name} are deployed anew, and then nothing is left`, async (t) => {
    const world = await deployed(t, { tagsAre })
    t.match(await monitoring.find(world.context()), { isDone: false, detail: /windlass-process/ })
    await deployRules(world)
    t.match(await monitoring.find(world.context()), { isDone: true })
    t.equal(world.ran.filter(isChange).length, 1)
  })
}

t.test('begun again with the same rules, nothing is changed, and a dry run says so', async (t) => {
  const world = await deployed(t, { actionGroupId })
  t.match(await runStep(monitoring, world.context(), () => undefined), { ok: true })
  const { lines } = await planSteps([monitoring], world.context({ isDryRun: true }))
  t.match(lines[1], /nothing to do: /)
  t.same(world.ran.filter(isChange), [])
})

t.test('a dry run prints the deployment as it is run then', async (t) => {
  const world = await deployed(t, { actionGroupId, tagsAre: () => null })
  const { lines } = await planSteps([monitoring], world.context({ isDryRun: true }))
  t.same(world.ran.filter(isChange), [])
  await deployRules(world)
  const printed = lines.map((line) => line.trim().replace(/ --subscription \S+ --only-show-errors --output json/, ''))
  t.same(printed.filter(isChange), world.ran.filter(isChange))
})

t.test('alerts go to the action group of the environment, with each deployment', async (t) => {
  const world = await deployed(t, { actionGroupId, tagsAre: () => tag('ab'.repeat(32)) })
  await deployRules(world)
  await deployRules(world)
  const made = world.ran.filter(isChange)
  t.equal(made.length, 2)
  for (const line of made) t.match(line, ` actionGroupId=${actionGroupId} `)
  const context = world.context()
  t.match(await monitoring.find(context), { isDone: true, detail: `alerts go to ${actionGroupId}` })
  t.same(context.notes, notesOnLinks)
})

t.test('an action group that is named later is a change', async (t) => {
  const before = await deployed(t, {})
  const { stdout } = await before.context().run({ program: 'az', args: ['resource', 'list'] })
  const world = await deployed(t, { actionGroupId })
  world.failures.push({ command: 'az resource list', exitCode: 0, stdout })
  t.match(await monitoring.find(world.context()), { isDone: false })
})

t.test('without one it is said that nobody is told, and what to do', async (t) => {
  const world = await deployed(t, {})
  const context = world.context()
  const { ok, detail } = await runStep(monitoring, context, () => undefined)
  t.ok(ok)
  t.match(detail, /nobody is told of alerts, for monitoring\.actionGroupId is not set/)
  t.match(context.notes, [
    /^Nobody is told of alerts yet: name an action group by monitoring\.actionGroupId in \S+prod\.json/,
    ...notesOnLinks,
  ])
  t.equal(context.notes.length, 1 + notesOnLinks.length)
  await deployRules(world)
  const made = world.ran.filter(isChange)
  t.equal(made.length, 1)
  t.notMatch(made[0], 'actionGroupId')
})
