import t from 'tap'
import { releasables } from '../../release/releasable.ts'
import { placeholdersOf, type AzureEnvironment } from '../environment.ts'
import { predictorRepository, reconcilerRepository } from '../repositories.ts'
import { recordedWorld, type TestOptions } from '../testing.ts'
import { json, type Recording } from '../recordings/recording.ts'
import { ids } from '../recordings/ids.ts'
import { allows } from './permissions.ts'
import { preflight } from './preflight.ts'

interface Case extends TestOptions {
  readonly answers: Recording
  readonly says: readonly RegExp[]
}

const cases: Readonly<Record<string, Case>> = {
  'a program that is not there': {
    answers: { command: 'helm version', exitCode: 127, stderr: 'helm: not found' },
    says: [/^helm: 4\.0 or newer is needed, and it can not be run/, /To mend: install it: https:\/\/helm\.sh/],
  },
  'a program that is too old': {
    answers: { command: 'az version', stdout: json({ 'azure-cli': '2.69.0' }) },
    says: [/^az: 2\.70 or newer is needed; it says "azure-cli": "2\.69/],
  },
  'no login': {
    answers: { command: 'az account show', exitCode: 1, stderr: "ERROR: Please run 'az login' to setup account." },
    says: [/To mend: the login has ended or does not suffice: az login --tenant 0b7a2c14/],
  },
  'a login that has ended': {
    answers: {
      command: 'az account show',
      exitCode: 1,
      // https://learn.microsoft.com/entra/identity-platform/reference-error-codes
      stderr: 'ERROR: AADSTS700082: The refresh token has expired due to inactivity.',
    },
    says: [/AADSTS700082/, /az login --tenant/],
  },
  'a subscription that is shut': {
    answers: {
      command: 'az account show',
      stdout: json({
        id: ids.subscription,
        name: 'Contoso',
        state: 'Warned',
        tenantId: ids.tenant,
        user: { name: 'ada@contoso.com', type: 'user' },
      }),
    },
    says: [/^subscription Contoso .*: its state is Warned/],
  },
  'a subscription of another tenant': {
    answers: {
      command: 'az account show',
      stdout: json({
        id: ids.subscription,
        name: 'Contoso',
        state: 'Enabled',
        tenantId: 'ffffffff-0000-4000-8000-000000000000',
        user: { name: 'ada@contoso.com', type: 'user' },
      }),
    },
    says: [/it is of tenant ffffffff-.*, not of 0b7a2c14-/, /az login --tenant 0b7a2c14-/],
  },
  'a subscription that another tenant delegated': {
    answers: {
      command: 'az account show',
      stdout: json({
        homeTenantId: 'ffffffff-0000-4000-8000-000000000000',
        id: ids.subscription,
        name: 'Contoso',
        state: 'Enabled',
        tenantId: ids.tenant,
        user: { name: 'ada@contoso.com', type: 'user' },
      }),
    },
    says: [/it belongs to tenant ffffffff-.*, not to 0b7a2c14-/, /az login --tenant ffffffff-/],
  },
  'a login whose directory is that of another tenant': {
    answers: {
      command: 'az account show --query',
      stdout: json({
        tenantId: 'ffffffff-0000-4000-8000-000000000000',
        user: { name: 'ada@contoso.com', type: 'user' },
      }),
    },
    says: [
      /^login of ada@contoso\.com in tenant 0b7a2c14-.*: the Azure CLI asks the directory as .* of tenant ffffffff-/,
      new RegExp(`az login --tenant ${ids.tenant}, then az account set --subscription ${ids.subscription}`),
    ],
  },
  'a login beside that of somebody else': {
    answers: {
      command: 'az account show --query',
      stdout: json({ tenantId: ids.tenant, user: { name: 'grace@contoso.com', type: 'user' } }),
    },
    says: [/asks the directory as grace@contoso\.com of tenant 0b7a2c14-/],
  },
  'a contributor, who may give no roles': {
    answers: {
      command: 'az rest',
      stdout: json({
        value: [
          { actions: ['*'], notActions: ['Microsoft.Authorization/*/Delete', 'Microsoft.Authorization/*/Write'] },
        ],
      }),
    },
    says: [
      /missing are Microsoft\.Authorization\/roleAssignments\/write, .*roleDefinitions\/write, .*locks\/write/,
      new RegExp(`az role assignment create --role Owner --assignee-object-id ${ids.operator}`),
    ],
  },
  'nobody who administers the cluster': {
    answers: { command: 'az ad group member check', stdout: json({ value: false }) },
    says: [/is in none of the groups/, new RegExp(`az ad group member add --group ${ids.administrators}`)],
  },
  'too few vCPUs of the family': {
    answers: {
      command: 'az vm list-usage',
      stdout: json([
        { currentValue: '12', limit: '100', localName: 'Total Regional vCPUs', name: { value: 'cores' } },
        {
          currentValue: '4',
          limit: '10',
          localName: 'Standard DDSv5 Family vCPUs',
          name: { value: 'standardDDSv5Family' },
        },
      ]),
    },
    says: [/^quota of Standard DDSv5 Family vCPUs in westeurope: 8 are needed to begin and to upgrade, 6 are free/],
  },
  'a size that the zone has not': {
    answers: {
      command: 'az vm list-skus',
      stdout: json([
        {
          name: 'Standard_D4ds_v5',
          family: 'standardDDSv5Family',
          capabilities: [{ name: 'vCPUs', value: '4' }],
          locationInfo: [{ zones: ['1', '2', '3'] }],
          restrictions: [
            { type: 'Zone', reasonCode: 'NotAvailableForSubscription', restrictionInfo: { zones: ['1'] } },
          ],
        },
      ]),
    },
    says: [/^machines of size Standard_D4ds_v5 in westeurope: not in zone 1/],
  },
  'a version of Kubernetes that is not offered': {
    answers: {
      command: 'az aks get-versions',
      stdout: json({
        values: [
          { version: '1.36', isPreview: true },
          { version: '1.35', isPreview: null },
        ],
      }),
    },
    says: [/^Kubernetes 1\.36 in westeurope: AKS offers 1\.35\n/],
  },
  'a name that somebody else has': {
    answers: {
      command: 'az acr check-name',
      stdout: json({
        nameAvailable: false,
        reason: 'AlreadyExists',
        message: 'The registry crwindlassdevc0n70s0 is already in use.',
      }),
    },
    says: [/^registry crwindlassdevc0n70s0: The registry .* is already in use/, /choose another nameSuffix/],
  },
  'no login at GitHub': {
    answers: {
      command: 'gh api repos/fabrikam/windlass --jq',
      exitCode: 4,
      // https://cli.github.com/manual/gh_help_exit-codes
      stderr: 'To get started with GitHub CLI, please run:  gh auth login',
    },
    says: [/^gh api repos\/fabrikam\/windlass .*\n?[^]*To mend: gh auth login as an administrator/],
  },
  'a login at GitHub that does not administer the repository': {
    answers: { command: 'gh api repos/fabrikam/windlass --jq', stdout: 'false' },
    says: [/^repository fabrikam\/windlass: the login of gh does not administer it/, /gh auth login as one who does/],
  },
}

for (const [name, { answers, says, ...options }] of Object.entries(cases)) {
  t.test(`told before anything is changed: ${name}`, async (t) => {
    const world = await recordedWorld(t, options)
    world.failures.push({ exitCode: 0, ...answers })
    await t.rejects(preflight.find(world.context()), { message: says[0] ?? /./ })
    for (const said of says) await t.rejects(preflight.find(world.context()), { message: said })
  })
}

t.test('all that is wrong is told at once, but not what can not be asked yet', async (t) => {
  const world = await recordedWorld(t)
  world.failures.push(
    { command: 'az ad group member check', exitCode: 0, stdout: json({ value: false }) },
    { command: 'az vm list-usage', exitCode: 1, stderr: 'ERROR: (AuthorizationFailed) no' },
  )
  const told = await preflight.find(world.context()).catch((error: unknown) => String(error))
  t.match(told, /is in none of the groups[^]*az vm list-usage[^]*To mend: be Owner/)

  const another = await recordedWorld(t)
  another.failures.push({ command: 'az account show', exitCode: 1, stderr: "ERROR: Please run 'az login'" })
  await t.rejects(preflight.find(another.context()))
  t.notOk(another.ran.some((line) => line.startsWith('az vm')))
})

t.test('who types it is not asked of a directory of another tenant', async (t) => {
  const world = await recordedWorld(t)
  const asked = json({ tenantId: 'ffffffff-0000-4000-8000-000000000000', user: { name: 'ada@contoso.com' } })
  world.failures.push({ command: 'az account show --query', exitCode: 0, stdout: asked })
  await t.rejects(preflight.find(world.context()))
  t.notOk(world.ran.some((line) => line.startsWith('az ad')))
})

t.test('a cluster that is there has its vCPUs already, and a name that is ours is no obstacle', async (t) => {
  const world = await recordedWorld(t)
  const taken = json({ nameAvailable: false, reason: 'AlreadyExists', message: 'It is in use.' })
  world.failures.push(
    { command: 'az resource list --name', exitCode: 0, stdout: json([{ id: '/subscriptions/x', name: 'x' }]) },
    { command: 'az acr check-name', exitCode: 0, stdout: taken },
    { command: 'az storage account check-name', exitCode: 0, stdout: taken },
  )
  t.match(await preflight.find(world.context()), { isDone: true })
  t.notOk(world.ran.some((line) => line.startsWith('az vm')))
})

t.test('what is left of the example is refused before anything is asked', async (t) => {
  const world = await recordedWorld(t, {
    override: { cluster: { authorizedIpRanges: ['51.124.8.0/24', '203.0.113.0/24'] } },
  })
  await t.rejects(preflight.find(world.context()), {
    message: /: cluster\.authorizedIpRanges are those of the example/,
  })
  const { environment } = world.context()
  const example = '11111111-1111-1111-1111-111111111111'
  const github = { ...environment.config.github, applySubject: 'repo:contoso/windlass:environment:dev-apply' }
  const monitoring = { ...environment.config.settings.monitoring, actionGroupId: `/subscriptions/${example}/…` }
  const settings = { ...environment.config.settings, monitoring }
  const config = { ...environment.config, tenantId: example, github, settings }
  t.same(placeholdersOf({ ...environment, config }), [
    'tenantId',
    'cluster.authorizedIpRanges',
    'monitoring.actionGroupId',
    'github.applySubject',
  ])
  t.notOk(world.ran.some((line) => line.startsWith('az account')))
})

t.test(
  'repositories that CI releases to are named where they are looked for; others beside them are welcome',
  async (t) => {
    const world = await recordedWorld(t)
    const { environment } = world.context()
    const looked = (repositories: AzureEnvironment['config']['repositories']) =>
      preflight.find(
        world.context({ environment: { ...environment, config: { ...environment.config, repositories } } }),
      )
    t.match(await looked({ delivered: ['shop', 'predictor'], platform: ['mirror', 'windlass'] }), { isDone: true })
    const before = world.ran.length
    await t.rejects(looked({ delivered: ['shop', 'windlass'], platform: [] }), {
      message:
        /dev\.json: repositories\.delivered has no 'predictor', .*\n.*To mend: name it there.*\n.*repositories\.platform has no 'windlass'/,
    })
    t.notOk(world.ran.slice(before).some((line) => /^az (rest|vm|ad)/.test(line)))

    t.equal(predictorRepository, releasables.predictor.repository)
    t.equal(reconcilerRepository, releasables.reconciler.repository)
  },
)

t.test('each repository that has variables must be administered', async (t) => {
  const world = await recordedWorld(t)
  const { environment } = world.context()
  const github = { ...environment.config.github, releaseSubject: 'repo:fabrikam/shop:environment:dev-release' }
  world.failures.push({ command: 'gh api repos/fabrikam/shop --jq', exitCode: 0, stdout: 'false' })
  const context = world.context({ environment: { ...environment, config: { ...environment.config, github } } })
  await t.rejects(preflight.find(context), {
    message: /^repository fabrikam\/shop: the login of gh does not administer it/,
  })
})

t.test('gh is asked for where it is used, and tofu in place of terraform', async (t) => {
  const printing = await recordedWorld(t, { options: { github: 'print' } })
  await preflight.find(printing.context())
  t.notOk(printing.ran.some((line) => line.startsWith('gh')))

  const tofu = await recordedWorld(t, { options: { terraform: 'tofu' } })
  tofu.failures.push({ command: 'tofu version', exitCode: 0, stdout: '{"terraform_version": "1.11.6"}' })
  t.match(await preflight.find(tofu.context()), { isDone: true })
  t.notOk(tofu.ran.some((line) => line.startsWith('terraform')))
})

t.test('an action is allowed by a role that has it and does not leave it out', async (t) => {
  const write = 'Microsoft.Authorization/roleAssignments/write'
  const all = { actions: ['*'], notActions: [] }
  const contributor = { actions: ['*'], notActions: ['microsoft.authorization/*/WRITE'] }
  t.equal(allows([all], write), true)
  t.equal(allows([contributor], write), false)
  t.equal(allows([contributor, { actions: [write], notActions: [] }], write), true, 'another role has it')
  t.equal(allows([{ actions: ['*/read'], notActions: [] }], write), false)
  t.equal(allows([], write), false)
})
