import t, { type Test } from 'tap'
import { json, type Recording } from '../recordings/recording.ts'
import { githubRecordings } from '../recordings/github.ts'
import { allStackRecordings } from '../recordings/stacks.ts'
import { runStep } from '../run-steps.ts'
import { emptySubscription, recordedWorld, type TestWorld } from '../testing.ts'
import { githubSettings } from './settings.ts'

const environmentPath = 'repos/fabrikam/windlass/environments/dev-apply'
const reviewed = {
  command: `gh api ${environmentPath}`,
  // https://docs.github.com/rest/deployments/environments#get-an-environment
  stdout: json({
    id: 161088068,
    name: 'dev-apply',
    protection_rules: [{ id: 3755, type: 'required_reviewers', reviewers: [{ type: 'User', reviewer: { id: 1 } }] }],
    deployment_branch_policy: { protected_branches: false, custom_branch_policies: true },
  }),
}

const policies = (...names: readonly string[]): Recording => ({
  command: `gh api ${environmentPath}/deployment-branch-policies`,
  stdout: json({ total_count: names.length, branch_policies: names.map((name) => ({ name, type: 'branch' })) }),
})

/** A repository that has the environment dev-apply, once the stacks are applied. */
function repository(t: Test, ...recordings: readonly Recording[]): Promise<TestWorld> {
  const outputs = allStackRecordings
    .filter(({ command }) => command.includes(' output '))
    .map(({ command, stdout = '' }) => ({ command, stdout }))
  const variables = { command: 'gh variable list --repo fabrikam/windlass --env dev-apply', stdout: '[]' }
  return recordedWorld(t, { recordings: [...emptySubscription, ...outputs, variables, ...recordings] })
}

const isChange = (line: string): boolean => line.startsWith('gh api --method')

t.test('an environment that is there keeps its reviewers and its rules', async (t) => {
  const world = await repository(t, reviewed, policies('release/*'))
  t.match(await runStep(githubSettings, world.context(), () => undefined), { ok: true })
  const changed = world.ran.filter(isChange)
  t.same(
    changed.filter((line) => line.includes(environmentPath)),
    [],
  )
  t.equal(changed.length, 5, 'the three others are made')
  t.ok(world.ran.some((line) => line.startsWith('gh variable set AZURE_CLIENT_ID') && line.includes('dev-apply')))
})

t.test('one that an interruption left without a branch is made whole, and not made anew', async (t) => {
  const world = await repository(t, reviewed, policies())
  t.match(await runStep(githubSettings, world.context(), () => undefined), { ok: true })
  t.same(
    world.ran.filter((line) => isChange(line) && line.includes(environmentPath)),
    [`gh api --method POST ${environmentPath}/deployment-branch-policies --silent -f name=main`],
  )
})

t.test('one that is protected otherwise is not asked for branches', async (t) => {
  const open = {
    ...reviewed,
    stdout: json({ name: 'dev-apply', protection_rules: [], deployment_branch_policy: null }),
  }
  const world = await repository(t, open)
  t.match(await runStep(githubSettings, world.context(), () => undefined), { ok: true })
  t.notOk(world.ran.some((line) => line.includes(`${environmentPath}/deployment-branch-policies`)))
})

const setsClientId = (line: string): boolean =>
  line.startsWith('gh variable set AZURE_CLIENT_ID') && line.includes('dev-apply')

t.test('whom the pipeline applies as is not told to GitHub before a reviewer has to let it go on', async (t) => {
  const world = await repository(t)
  const open = {
    ...reviewed,
    stdout: json({ name: 'dev-apply', protection_rules: [], deployment_branch_policy: null }),
  }
  world.failures.push({ ...open, exitCode: 0 })
  const first = world.context()
  t.match(await runStep(githubSettings, first, () => undefined), {
    ok: true,
    detail: '10 are set in fabrikam/windlass',
  })
  t.notOk(world.ran.some(setsClientId))
  t.ok(world.ran.some((line) => line.startsWith('gh variable set AZURE_TENANT_ID') && line.includes('dev-apply')))
  t.match(
    first.notes[0],
    /dev-apply of fabrikam\/windlass has no required reviewers, so AZURE_CLIENT_ID is not set there/,
  )
  t.match(first.notes[0], /type the same again to have it set/)

  world.failures[0] = { ...reviewed, exitCode: 0 }
  const second = world.context()
  t.match(await runStep(githubSettings, second, () => undefined), { ok: true, detail: /^11 are set/ })
  t.equal(world.ran.filter(setsClientId).length, 1)
  t.same(second.notes, ['Set BASE_IMAGE of fabrikam/windlass: docs/ci.md'])

  world.failures[0] = { ...open, exitCode: 0 }
  const third = world.context()
  t.match(await runStep(githubSettings, third, () => undefined), { ok: true })
  t.match(third.notes[0], /has no required reviewers, and has AZURE_CLIENT_ID: each push to main is applied/)
})

t.test('an app that is released from a repository of its own has its variables there', async (t) => {
  const text = JSON.stringify(githubRecordings).replaceAll('fabrikam/windlass', 'fabrikam/shop')
  const ofShop = JSON.parse(text) as readonly Recording[]
  const world = await repository(t, ...ofShop, reviewed)
  const { environment } = world.context()
  const github = { ...environment.config.github, releaseSubject: 'repo:fabrikam/shop:environment:dev-release' }
  const split = { ...environment, config: { ...environment.config, github } }
  const context = world.context({ environment: split })
  t.match(await runStep(githubSettings, context, () => undefined), {
    ok: true,
    detail: '12 are set in fabrikam/shop and fabrikam/windlass',
  })
  const set = world.ran.flatMap((line) => {
    const [, name, place] = /^gh variable set (\S+) --repo (\S+(?: --env \S+)?)/.exec(line) ?? []
    return name === undefined ? [] : [`${place} ${name}`]
  })
  t.same(
    set.filter((line) => line.startsWith('fabrikam/shop')),
    [
      'fabrikam/shop --env dev-release AZURE_CLIENT_ID',
      'fabrikam/shop --env dev-release AZURE_TENANT_ID',
      'fabrikam/shop --env dev-release REGISTRY',
      'fabrikam/shop ENVIRONMENT',
    ],
  )
  t.notOk(set.some((line) => line.startsWith('fabrikam/windlass --env dev-release')))
  const made = world.ran.filter((line) => line.startsWith('gh api --method PUT')).map((line) => line.split(' ')[4])
  t.same(made, [
    'repos/fabrikam/shop/environments/dev-release',
    'repos/fabrikam/windlass/environments/dev-retention',
    'repos/fabrikam/windlass/environments/dev-plan',
  ])
  t.same(context.notes, ['Set BASE_IMAGE of fabrikam/windlass: docs/ci.md'])
  const printing = world.context({ environment: split, options: { terraform: 'terraform', github: 'print' } })
  await githubSettings.find(printing)
  t.match(
    printing.notes.join('\n'),
    /Variables for fabrikam\/shop[^]*dev-release REGISTRY[^]*Variables for fabrikam\/windlass/,
  )
})

t.test('each stack is asked once for what the variables need', async (t) => {
  const world = await repository(t)
  t.match(await githubSettings.find(world.context()), { isDone: false })
  const asked = world.ran.filter((line) => line.includes(' output ')).map((line) => line.split(' ')[1])
  t.same(asked, ['-chdir={synth}/stacks/platform', '-chdir={synth}/stacks/base'])
})
