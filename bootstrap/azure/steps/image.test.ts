import t, { type Test } from 'tap'
import { ids } from '../recordings/ids.ts'
import { json, type Recording } from '../recordings/recording.ts'
import { runStep } from '../run-steps.ts'
import { emptySubscription, recordedWorld, type TestWorld } from '../testing.ts'
import { image, readImage } from './image.ts'

const showTags = 'az acr repository show-tags'
const giveRole = "az role assignment create --role 'Container Registry Repository Reader'"

/** What the Azure CLI prints, its warnings included, where the exchange of a login for a token is answered by a code. */
const exchangeAnswers = (code: number): string =>
  [
    'WARNING: Unable to get AAD authorization tokens with message: 2026-11-26 09:12:44.214311 An error occurred: CONNECTIVITY_REFRESH_TOKEN_ERROR',
    `Access to registry 'crwindlassdevc0n70s0.azurecr.io' was denied. Response code: ${code}. Please try running 'az login' again to refresh permissions.`,
    'WARNING: Unable to get admin user credentials with message: Admin user is disabled.',
    'ERROR: Unable to authenticate using AAD or admin login credentials. Please specify both username and password in non-interactive mode.',
  ].join('\n')

/** https://learn.microsoft.com/rest/api/containerregistry/tag/get-list */
const tag = (name: string, digest: string, createdTime: string) => ({ createdTime, digest, name, signed: false })
const tags = json([tag(ids.commit, ids.digest, '2026-11-26T09:12:44.2143119Z')])
const released = `crwindlassdevc0n70s0.azurecr.io/windlass@${ids.digest}`

function registry(t: Test, ...recordings: readonly Recording[]): Promise<TestWorld> {
  const host = json({ 'registry-host': { value: 'crwindlassdevc0n70s0.azurecr.io' } })
  return recordedWorld(t, {
    recordings: [
      ...emptySubscription,
      { command: 'terraform -chdir={synth}/stacks/platform output -json', stdout: host },
      { command: giveRole, stdout: '{}' },
      ...recordings,
    ],
  })
}

const refusals: Readonly<Record<string, string>> = {
  'the exchange is answered with 401': exchangeAnswers(401),
  'the exchange is answered with 403': exchangeAnswers(403),
  'the cause is not told': exchangeAnswers(401).split('\n').at(-1) ?? '',
  'the token may not read': 'ERROR: Error: authentication required, visit https://aka.ms/acr/authorization.',
}

for (const [name, stderr] of Object.entries(refusals)) {
  t.test(`a registry that refuses the login is given the role, and asked until it is known: ${name}`, async (t) => {
    const refused: Recording = { command: showTags, exitCode: 1, stderr }
    const world = await registry(t, refused, { command: showTags, after: giveRole, stdout: tags })
    t.match(await runStep(image, world.context(), () => undefined), { ok: true, detail: released })
  })

  t.test(`where it goes on refusing it, a person is told what to do: ${name}`, async (t) => {
    const world = await registry(t, { command: showTags, exitCode: 1, stderr })
    const { ok, detail } = await runStep({ ...image, settleMs: 0 }, world.context(), () => undefined)
    t.notOk(ok)
    t.match(
      detail,
      /^registry crwindlassdevc0n70s0: it refuses your login \(401 or 403\)[^]*To mend: a role that was given/,
    )
    t.match(detail, /az role assignment list --scope \S+crwindlassdevc0n70s0 [^]*az login --tenant 0b7a2c14-/)
    await t.rejects(readImage(world.context()), /it refuses your login/, 'no later step goes on without it')
    t.match(await readImage(world.context({ isDryRun: true })), /windlass@<digest of its newest release>$/)
  })
}

t.test('network rules that refuse this machine are told at once, for no role helps', async (t) => {
  // https://learn.microsoft.com/azure/container-registry/container-registry-health-error-reference
  const stderr =
    "ERROR: Looks like you don't have access to registry 'crwindlassdevc0n70s0.azurecr.io'. To see configured firewall rules, run 'az acr show --query networkRuleSet --name crwindlassdevc0n70s0'."
  const world = await registry(t, { command: showTags, exitCode: 1, stderr })
  const { ok, detail } = await runStep(image, world.context(), () => undefined)
  t.notOk(ok)
  t.match(
    detail,
    /its network rules refuse the address of this machine[^]*To mend: add that address to registry\.allowedIpRanges/,
  )
  t.notOk(world.ran.some((line) => line.startsWith(giveRole)))
})

t.test('an exchange that fails otherwise is no matter of roles', async (t) => {
  const world = await registry(t, { command: showTags, exitCode: 1, stderr: exchangeAnswers(504) })
  const { detail } = await runStep(image, world.context(), () => undefined)
  t.match(detail, /Response code: 504/)
  t.notOk(world.ran.some((line) => line.startsWith(giveRole)))
})

t.test('a registry without a release says how to come by one', async (t) => {
  // https://github.com/distribution/distribution/blob/main/registry/api/v2/errors.go
  const stderr = 'ERROR: Error: repository name not known to registry.'
  const world = await registry(t, { command: showTags, exitCode: 1, stderr })
  const { detail } = await runStep(image, world.context(), () => undefined)
  t.match(detail, /it has no release of the repository windlass yet[^]*let CI release it/)
})

t.test('it is released from where its own workflows are, also where an app is released from elsewhere', async (t) => {
  const stderr = 'ERROR: Error: repository name not known to registry.'
  const world = await registry(t, { command: showTags, exitCode: 1, stderr })
  const { environment } = world.context()
  const github = { ...environment.config.github, releaseSubject: 'repo:fabrikam/shop:environment:dev-release' }
  const ofShop = { ...environment, config: { ...environment.config, github } }
  const { detail } = await runStep(image, world.context({ environment: ofShop }), () => undefined)
  t.match(detail, /re-run the workflow release of fabrikam\/windlass; /)
})

t.test('the newest release is the one that was tagged last, whatever was locked or unlocked since', async (t) => {
  const listed = [
    tag('ef'.repeat(20), `sha256:${'cd'.repeat(32)}`, '2026-11-02T10:00:00Z'),
    tag('stable', `sha256:${'ef'.repeat(32)}`, '2026-11-27T10:00:00Z'),
    tag(ids.commit, ids.digest, '2026-11-26T09:12:44.2143119Z'),
  ]
  const world = await registry(t, { command: showTags, stdout: json(listed) })
  t.equal(await readImage(world.context()), released)
})
