import t, { type Test } from 'tap'
import { cloudSteps } from './bootstrap.ts'
import { planSteps } from './dry-run.ts'
import { runStep } from './run-steps.ts'
import { recordedWorld, type TestWorld } from './testing.ts'
import type { AzureContext } from './context.ts'
import type { StepResult } from '../demo/report.ts'

/** What changes something of Azure, of GitHub or of a state; all else only looks. */
const changes =
  /^(az (group create|provider register|storage account (create|blob-service-properties update)|storage container-rm create|role assignment create)|terraform \S+ apply|gh (variable set|api --method))/

const isChange = (line: string): boolean => changes.test(line)

async function runAll(context: AzureContext): Promise<readonly StepResult[]> {
  const results: StepResult[] = []
  for (const step of cloudSteps) {
    const result = await runStep(step, context, () => undefined)
    results.push(result)
    if (!result.ok) break
  }
  return results
}

/** Steps that failed, or that were not come to. */
function troubles(results: readonly StepResult[]): readonly string[] {
  const missing = cloudSteps.slice(results.length).map(({ name }) => `${name} was not come to`)
  return [...results.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`), ...missing]
}

async function freshChanges(t: Test): Promise<readonly string[]> {
  const world = await recordedWorld(t)
  const results = await runAll(world.context())
  t.same(troubles(results), [])
  return world.ran.filter(isChange)
}

t.test('an empty subscription is filled in the order that each step needs', async (t) => {
  const made = await freshChanges(t)
  t.same(
    made.map((line) => line.split(' --')[0]?.replace('{synth}/stacks/', '')),
    [
      'az provider register',
      'az provider register',
      'az group create',
      'az storage account create',
      'az storage account blob-service-properties update',
      'az storage container-rm create',
      'az role assignment create',
      ...['base', 'platform', 'cluster'].map(
        (name) => `terraform -chdir=${name} apply -input=false -no-color plan.bin`,
      ),
      ...Array.from({ length: 7 }, () => 'gh api'),
      ...made.filter((line) => line.startsWith('gh variable set')).map((line) => line.split(' --')[0]),
    ],
  )
  t.equal(made.filter((line) => line.startsWith('gh variable set')).length, 10, 'but for whom it applies as')
})

t.test('begun again, nothing is changed that is there', async (t) => {
  const world = await recordedWorld(t)
  await runAll(world.context())
  const before = world.ran.length
  const results = await runAll(world.context())
  t.same(troubles(results), [])
  t.same(world.ran.slice(before).filter(isChange), [])
  t.match(results.find(({ name }) => name === 'cluster')?.detail, 'nothing to change')
})

t.test('whichever change fails, its step says what to do, and the next start goes on from there', async (t) => {
  const made = await freshChanges(t)
  for (const [index, failing] of made.entries()) {
    const world = await recordedWorld(t)
    world.failures.push({
      command: failing,
      exitCode: 1,
      // https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
      stderr: `ERROR: (AuthorizationFailed) The client 'ada@contoso.com' does not have authorization to perform action.`,
    })
    const first = await runAll(world.context())
    const failed = first.at(-1)
    t.notOk(failed?.ok, failing)
    t.match(failed?.detail, /AuthorizationFailed[^]*To mend: /, failing)
    t.same(world.ran.filter(isChange), made.slice(0, index + 1), 'all before it was made, and nothing after')

    world.failures.length = 0
    const before = world.ran.length
    const second = await runAll(world.context())
    t.same(troubles(second), [], failing)
    const again = world.ran.slice(before).filter(isChange)
    t.ok(again.includes(failing), 'what failed is made')
    t.strictSame(new Set([...made.slice(0, index), ...again]), new Set(made), 'and so is all that was missing')
  }
})

t.test('interrupted during any change, it makes no other, says so, and the next start goes on', async (t) => {
  const made = await freshChanges(t)
  for (const [index, stopAt] of made.entries()) {
    const world = await recordedWorld(t)
    const interruption = new AbortController()
    const run = world.context().run
    const interrupted = world.context({
      signal: interruption.signal,
      run: async (call) => {
        const result = await run(call)
        if (world.ran.at(-1) === stopAt) interruption.abort(new Error('interrupted by SIGINT'))
        return result
      },
    })
    const first = await runAll(interrupted)
    t.match(first.at(-1), { ok: false, detail: /interrupted/ }, stopAt)
    t.same(world.ran.filter(isChange), made.slice(0, index + 1))
    const second = await runAll(world.context())
    t.same(troubles(second), [], stopAt)
  }
})

t.test('a dry run prints every command that a run then runs, in its order, and changes nothing', async (t) => {
  const planned = await recordedWorld(t)
  const { lines, ok } = await planSteps(cloudSteps, planned.context({ isDryRun: true }))
  t.ok(ok)
  t.same(planned.ran.filter(isChange), [])

  const world = await recordedWorld(t)
  await runAll(world.context())
  const printed = lines.map((line) => shortened(planned, line)).filter(isChange)
  const made = world.ran.filter(isChange)
  // What a stack puts out is not known before it is applied.
  const pattern = (line: string): RegExp => {
    const known = line.split(/'?<[^>]+>'?/).map((part) => RegExp.escape(part))
    return new RegExp(`^${known.join('\\S+')}$`)
  }
  t.equal(printed.length, made.length)
  for (const [index, line] of printed.entries()) t.match(made[index], pattern(line))
})

t.test('a dry run tells what stands in the way, and plans all the same', async (t) => {
  const world = await recordedWorld(t, { recordings: [] })
  const { lines, ok } = await planSteps(cloudSteps, world.context({ isDryRun: true }))
  t.notOk(ok)
  t.match(lines.join('\n'), /1\/7 Preflight/)
  t.match(lines.join('\n'), /there is no recording of: az version/)
  t.match(lines.join('\n'), /az group create --name rg-windlass-dev-state/)
})

function shortened(world: TestWorld, line: string): string {
  const { folder } = world.context()
  return line
    .trim()
    .replace(/ --subscription \S+ --only-show-errors --output json/, '')
    .replaceAll(`${folder}/synth`, '{synth}')
}
