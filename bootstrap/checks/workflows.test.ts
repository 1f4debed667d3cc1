import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkout } from '../local/checkout.ts'
import { pins } from '../local/kind/pins.ts'
import { releasables, type Releasable } from '../release/releasable.ts'
import { releaseLayout } from '../release/release-steps.ts'
import { chosenEnvironment, parseWorkflow, workflowProblems, type Job, type Step } from './workflow-rules.ts'

const folder = join(checkout, '.github', 'workflows')
const files = readdirSync(folder)
const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
const json = (file: string) => JSON.parse(readFileSync(join(checkout, file), 'utf8')) as Record<string, unknown>

t.test('no workflow reaches a cluster, holds a secret, or takes what is not pinned', async (t) => {
  t.same(files.toSorted(), ['codeql.yml', 'infra.yml', 'release.yml', 'retention.yml', 'scorecard.yml', 'validate.yml'])
  for (const file of files) t.same(workflowProblems(file, read(file)), [])
})

t.test('each of these rules finds what it is there for', async (t) => {
  const broken = (from: string | RegExp, to: string, file = 'release.yml') => {
    const changed = read(file).replace(from, to)
    t.not(changed, read(file), 'the example was changed')
    return workflowProblems(file, changed)
  }
  const step = (run: string) =>
    broken('      - name: set the tag\n', `      - run: ${run}\n      - name: set the tag\n`)
  t.match(step('kubectl set image deployment/predictor predictor=$IMAGE'), [/job release reaches for a cluster/])
  t.match(step('az aks get-credentials --name windlass'), [/reaches for a cluster/])
  t.match(step('helm upgrade predictor .'), [/reaches for a cluster/])
  const foreign = /job release starts what its identity is not for: npm run bootstrap -- azure/
  t.match(step('npm run bootstrap -- azure --environment prod'), [foreign])
  t.match(step('echo ok && npm run bootstrap -- azure --environment prod'), [foreign])
  t.match(step('DIGEST=$(npm run bootstrap -- azure --environment prod)'), [foreign])
  t.match(step(`node bootstrap/launch.mjs bootstrap azure`), [/not for: node bootstrap\/launch\.mjs bootstrap azure/])
  t.match(step('npm run cluster -- up'), [/not for: npm run cluster/])
  t.match(step('npm run synthesize'), [/not for: npm run synthesize/])
  t.match(step('PATH=. npm run synth'), [/not for: PATH=\. npm run synth/])
  t.match(broken('actions/attest@', 'actions/cache@'), [/not for: actions\/cache \(step \d\)/])
  t.match(broken('terraform -chdir="$STACK" show', 'terraform -chdir="$STACK" apply', 'infra.yml'), [
    /job plan starts what its identity is not for: terraform -chdir="\$STACK" apply/,
  ])
  t.match(step('echo ok\n        env: { NODE_OPTIONS: --import ./x.mjs }'), [/job release sets NODE_OPTIONS/])
  t.match(step("echo ok\n        shell: sh -c 'az login' {0}"), [/job release runs a script by another shell: sh -c/])
  t.match(broken('permissions: {}\n#', 'permissions: {}\ndefaults: { run: { shell: sh } }\n#'), [
    /job build has defaults/,
    /job scan has/,
    /job release has/,
  ])
  t.match(step('echo ${{ github.event.head_commit.message }}'), [/an expression within a script/])
  t.match(step('echo "${{ secrets.KUBECONFIG }}"'), [/reaches for a cluster|within a script/, /cluster/, /secret/])
  t.match(broken('permissions: {}\n', 'permissions: write-all\n'), [/not \{\} at the top/])
  t.match(broken('contents: read # checkout\n', 'contents: write\n'), [/job build has contents: write/])
  t.match(broken('permissions: {}\n    strategy', 'permissions: { id-token: write }\n    strategy'), [
    /job scan has an id/,
  ])
  t.match(broken("'prod' }}-release", "'prod' }}-apply"), [/environment \S.*-apply, not \S.*-release/])
  t.match(broken('persist-credentials: false', 'persist-credentials: true'), [/leaves its token in the checkout/])
  t.match(broken('egress-policy: block', 'egress-policy: audit'), [/does not begin by shutting the way out/])
  t.match(broken(/(actions\/attest)@\w+/, '$1@v4'), [/attest@v4 .* is not pinned by its commit/])
  t.match(broken(/(actions\/attest@\w+) # v4.2.2/, '$1'), [/is not pinned by its commit, with its version/])
  t.match(broken('on:\n', 'on:\n  pull_request_target:\n'), [/pull_request_target runs what others wrote/])
  t.match(broken('group: release-${{ github.ref }}', 'group: release-${{ github.sha }}'), [/twice at once/])
  t.match(broken('    timeout-minutes: 30\n', ''), [/no bound on its time/])
  const pulled = [/job plan gives its identity to pull requests of forks or of Dependabot/]
  t.match(broken(/github\.event\.pull_request\.user\.login != '\S+'/, 'true', 'infra.yml'), pulled)
  t.match(broken('github.event.pull_request.user.login', 'github.actor', 'infra.yml'), pulled)
  t.match(broken('github.event.pull_request.head.repo.full_name', 'github.repository', 'infra.yml'), pulled)
  t.match(broken(/ *fulcio.githubapp.com:443\n/, ''), [/job release can not reach fulcio\.githubapp\.com/])
  t.match(broken(/ *production.cloudfront\S+\n/, ''), [/job build can not reach production\.cloudfront/])
  t.match(broken(/ *productionresultssa\S+\n/, ''), [/job build can not reach productionresultssa/])
})

t.test('a release is built without an identity, scanned before it is pushed, tagged last and locked', async (t) => {
  const { on, jobs } = parseWorkflow(read('release.yml'))
  t.same(on, { push: { branches: ['main'] } })
  t.same(Object.keys(jobs), ['build', 'scan', 'release'])
  const { build, scan, release } = jobs as Readonly<Record<'build' | 'scan' | 'release', Job>>
  t.same(build.permissions, { contents: 'read' })
  t.same(scan.permissions, {})
  t.equal(scan.needs, 'build')
  t.same(release.needs, ['build', 'scan'])
  t.notMatch(JSON.stringify([build, scan]), /azure\/login|AZURE_|REGISTRY/)

  const built = build.steps.find(({ run }) => run?.includes('release:build'))
  t.same(built?.env?.['SEQUENCE'], '${{ github.run_number }}')

  const steps = release.steps.flatMap((step) => kindOf(step) ?? [])
  t.same(steps, ['push', 'sign', 'sign', 'attach', 'tag', 'lock'])
  const tag = release.steps.findIndex((step) => kindOf(step) === 'tag')
  t.equal(tag, release.steps.length - 2, 'nothing follows the tag but the lock')
  t.match(release.steps[tag]?.run, /--revision "\$GITHUB_SHA"/)
  t.match(release.steps[tag]?.run, /--attested application\/vnd\.dev\.sigstore\.bundle/)
  t.equal(release.steps[tag]?.if, undefined, 'it runs where all before it succeeded, and only there')
  t.notMatch(JSON.stringify(release.steps), /always\(\)|continue-on-error|failure\(\)/)
  t.notMatch(JSON.stringify(release.steps.slice(0, tag)), /--tag\b|windlass tag|:\$GITHUB_SHA/)
})

t.test('what is scanned and what is pushed is what was built, by an ID that no other job can give', async (t) => {
  const { jobs } = parseWorkflow(read('release.yml'))
  const { build, scan, release } = jobs as Readonly<Record<'build' | 'scan' | 'release', Job>>
  const using = (job: Job, action: string) => job.steps.filter(({ uses = '' }) => uses.startsWith(`actions/${action}@`))
  const [upload] = using(build, 'upload-artifact')
  const kept = build.steps.find(({ id }) => id === 'kept')
  t.match(kept?.env, { ARTIFACT: `\${{ steps.${upload?.id}.outputs.artifact-id }}` })
  t.equal(kept?.run, 'echo "$PROGRAM=$ARTIFACT" >>"$GITHUB_OUTPUT"')
  t.same(
    build.outputs,
    Object.fromEntries(Object.keys(releasables).map((name) => [name, `\${{ steps.kept.outputs.${name} }}`])),
  )
  for (const job of [scan, release]) {
    const taken = using(job, 'download-artifact').map(({ with: inputs }) => inputs)
    t.match(taken, [
      {
        'artifact-ids':
          "${{ matrix.program == 'predictor' && needs.build.outputs.predictor || needs.build.outputs.reconciler }}",
        name: undefined,
      },
    ])
    t.ok([job.needs].flat().includes('build'))
  }
})

t.test('its steps are those that a person runs, and releases are of what is built', async (t) => {
  const { jobs } = parseWorkflow(read('release.yml'))
  const flagsOf = (text: string) => [...text.matchAll(/(?<=\s)--[a-z-]+/g)].map(([flag]) => flag).toSorted()
  const inWorkflow = new Map(
    (jobs['release']?.steps ?? []).flatMap(({ run = '' }) => {
      const [, name] = /windlass (\w+) /.exec(run) ?? []
      // Scan and signature are GitHub's, and so is the login for them.
      return name === undefined || name === 'password'
        ? []
        : [[name, flagsOf(run).filter((flag) => flag !== '--attested')] as const]
    }),
  )
  const { delivered }: Releasable = releasables.predictor
  const calls: (readonly string[])[] = []
  const windlass = async (args: readonly string[]) => {
    calls.push(args)
    return `sha256:${'a'.repeat(64)}`
  }
  const release = { layout: '/layout', to: 'contoso.azurecr.io/predictor', revision: 'b'.repeat(40) }
  await releaseLayout(windlass, { ...release, ...(delivered && { delivered }) })
  t.same(
    calls.map(([name]) => name),
    [...inWorkflow.keys()],
  )
  for (const [name = '', ...args] of calls) t.same(flagsOf(` ${args.join(' ')}`), inWorkflow.get(name), name)

  const include = matrixOf(jobs['release'])['include'] as readonly Record<string, string>[]
  t.same(
    include,
    Object.entries(releasables).map(([program, releasable]: [string, Releasable]) => ({
      program,
      repository: releasable.repository,
      manifests: releasable.delivered === undefined ? 'none' : 'attached',
    })),
  )
  for (const job of ['build', 'scan']) t.same(matrixOf(jobs[job])['program'], Object.keys(releasables), job)
  const retained = matrixOf(parseWorkflow(read('retention.yml')).jobs['retain'])['repository']
  t.same(
    retained,
    Object.values(releasables).map(({ repository }) => repository),
  )
})

for (const name of ['dev', 'prod']) {
  t.test(`the identities are those that infra federates for ${name}`, async (t) => {
    const { github } = json(`infra/examples/${name}.json`) as { github: Record<string, string> }
    const subjects = Object.values(github).filter((value) => value.startsWith('repo:'))
    const environments = files
      .flatMap((file) => Object.values(parseWorkflow(read(file)).jobs))
      .flatMap(({ environment }) => environment?.replace(chosenEnvironment, name) ?? [])
    t.same(environments.toSorted(), subjects.map((subject) => subject.split(':environment:')[1] ?? '').toSorted())
  })
}

t.test("the infrastructure is planned and applied from a fork's own environments, not from the examples", async (t) => {
  for (const [name, { env }] of Object.entries(parseWorkflow(read('infra.yml')).jobs)) {
    t.equal(env?.['CONFIG'], `infra/environments/${chosenEnvironment}.json`, name)
  }
})

t.test('what is applied to Azure destroys nothing that the plan which a reviewer read did not', async (t) => {
  const { plan, apply } = parseWorkflow(read('infra.yml')).jobs as Readonly<Record<'plan' | 'apply', Job>>
  t.ok(plan.steps.some(({ run }) => run?.startsWith('npm run infra:destroyed --silent -- "$RUNNER_TEMP/plan.json" >')))
  const scripts = apply.steps.flatMap(({ run }) => run ?? []).filter((run) => /terraform|infra:destroyed/.test(run))
  for (const [stack, ...steps] of [
    ['platform', ...scripts.slice(0, 5)],
    ['cluster', ...scripts.slice(5)],
  ] as const) {
    const folder = `$RUNNER_TEMP/${stack}`
    t.same(plan.outputs?.[stack], `\${{ steps.kept.outputs.${stack} }}`)
    t.same(
      apply.steps.filter(({ with: inputs }) => inputs?.['artifact-ids'] === `\${{ needs.plan.outputs.${stack} }}`)
        .length,
      1,
    )
    t.match(steps, [
      / init /,
      `plan -input=false -no-color -out="${folder}/plan"`,
      `show -json "${folder}/plan" >"${folder}/plan.json"`,
      `npm run infra:destroyed -- "${folder}/plan.json" --approved "${folder}/destroyed.json"`,
      `apply -input=false -no-color "${folder}/plan"`,
    ])
  }
  t.equal(scripts.length, 10, 'and nothing else is applied')
})

t.test('the demo on kind is told with the kind that its node is of, as a user who is not root', async (t) => {
  const steps = parseWorkflow(read('validate.yml')).jobs['demo-on-kind']?.steps ?? []
  const scripts = steps.flatMap(({ run }) => run ?? [])
  t.ok(scripts.includes(`go install sigs.k8s.io/kind@v${pins.kind}`))
  const demo = scripts.find((script) => script.includes('npm run demo'))
  t.match(demo, / --once --backend kind /)
  t.notMatch(demo, /sudo/)
})

t.test('the tests that shut programs off from the network may do so where they run as a user', async (t) => {
  const steps = parseWorkflow(read('validate.yml')).jobs['test']?.steps ?? []
  const namespaces = steps.findIndex(({ run = '' }) => run.includes('kernel.apparmor_restrict_unprivileged_userns=0'))
  t.match(steps[namespaces], { if: "matrix.tier == 'api'", run: /^sudo sysctl -w / })
  const tests = steps.findIndex(({ run = '' }) => run.startsWith('npm run "test:'))
  t.ok(namespaces !== -1 && namespaces < tests, 'before the tests begin')
})

t.test('every npm script that a workflow runs is there', async (t) => {
  const { scripts } = json('package.json') as { scripts: Record<string, string> }
  const run = files.flatMap((file) => [...read(file).matchAll(/npm run "?([a-z0-9:-]+)/g)].map(([, name = '']) => name))
  t.ok(run.length > 5)
  t.same(
    run.filter((name) => !(name in scripts) && name !== 'test:'),
    [],
  )
  const tiers = matrixOf(parseWorkflow(read('validate.yml')).jobs['test'])['tier'] as readonly string[]
  t.same(
    tiers.filter((tier) => !(`test:${tier}` in scripts)),
    [],
  )
})

function kindOf({ uses = '', run = '' }: Step): string | undefined {
  if (uses.startsWith('actions/attest@')) return 'sign'
  return /windlass (push|attach|tag|lock) /.exec(run)?.[1]
}

function matrixOf(job: Job | undefined): Readonly<Record<string, unknown>> {
  const { strategy } = (job ?? {}) as { readonly strategy?: { readonly matrix: Record<string, unknown> } }
  return strategy?.matrix ?? {}
}
