import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runDestroyed } from './cli.ts'
import { destroyedBy, unapproved } from './destroyed.ts'

function plan(...changes: ReadonlyArray<readonly [address: string, actions: readonly string[], deposed?: string]>) {
  return {
    format_version: '1.2',
    terraform_version: '1.11.4',
    resource_changes: changes.map(([address, actions, deposed]) => ({
      address,
      ...(deposed !== undefined && { deposed }),
      change: { actions, before: null },
    })),
  }
}

const registry = 'azurerm_container_registry.registry'
const cluster = 'azurerm_kubernetes_cluster.aks'

t.test('what is deleted or replaced, in either order, is destroyed, and nothing else', async (t) => {
  const made = plan(
    ['a.created', ['create']],
    ['b.changed', ['update']],
    ['c.read', ['read']],
    ['d.kept', ['no-op']],
    ['e.forgotten', ['forget']],
    [registry, ['delete', 'create']],
    [cluster, ['create', 'delete']],
    ['f.gone["a b"]', ['delete']],
    [registry, ['delete'], '4f2a9c1d'],
  )
  t.same(destroyedBy(made, 'it'), [registry, `${registry} (deposed)`, cluster, 'f.gone["a b"]'])
  t.same(destroyedBy({ format_version: '1.2' }, 'it'), [], 'a plan without changes has no list of them')
})

t.test('what was approved may go, and be less; anything else may not', async (t) => {
  t.same(unapproved([registry], [cluster, registry]), [])
  t.same(unapproved([registry, cluster], [registry]), [cluster])
})

t.test('the list goes to the standard output, words for a person beside it', async (t) => {
  const { code, out, err } = await run(t, { 'plan.json': plan([registry, ['delete']]) }, ['plan.json'])
  t.equal(code, 0)
  t.same(JSON.parse(out), [registry])
  t.match(err, `this plan destroys ${registry}`)

  const quiet = await run(t, { 'plan.json': plan([registry, ['update']]) }, ['plan.json'])
  t.match(quiet, { code: 0, out: '[]\n', err: 'this plan destroys nothing\n' })
})

t.test('what is destroyed beyond what was approved ends it, by name', async (t) => {
  const files = { 'plan.json': plan([registry, ['delete']], [cluster, ['delete', 'create']]), 'seen.json': [registry] }
  t.match(await run(t, files, ['plan.json', '--approved', 'seen.json']), {
    code: 1,
    err: new RegExp(`beyond what was approved this plan destroys ${cluster}`),
  })
  t.match(await run(t, { ...files, 'seen.json': [registry, cluster] }, ['plan.json', '--approved', 'seen.json']), {
    code: 0,
  })
})

const wrong: Readonly<Record<string, readonly [files: object, args: readonly string[], says: RegExp, code: number]>> = {
  'no plan': [{}, [], /usage/i, 2],
  'an option that is not there': [{}, ['--aproved', 'x'], /aproved/, 2],
  'a file that is not there': [{}, ['plan.json'], /plan\.json.*(no such file|ENOENT)/i, 1],
  'a plan as Terraform keeps it': [{ 'plan.json': 'PK\u0003\u0004' }, ['plan.json'], /plan\.json is not .*JSON/, 1],
  'some other JSON': [{ 'plan.json': { values: {} } }, ['plan.json'], /not what `terraform show -json` prints/, 1],
  'a plan that ended early': [{ 'plan.json': { ...plan(), errored: true } }, ['plan.json'], /not whole/, 1],
  'a list that is none': [
    { 'plan.json': plan(), 'seen.json': { a: 1 } },
    ['plan.json', '--approved', 'seen.json'],
    /seen\.json is not a list of addresses/,
    1,
  ],
}
for (const [what, [files, args, says, code]] of Object.entries(wrong)) {
  t.test(`${what} is refused`, async (t) => {
    const answer = await run(t, files, args)
    t.match(answer, { code, out: '' })
    t.match(answer.err, says)
  })
}

async function run(t: Test, files: object, args: readonly string[]) {
  const dir = t.testdir({})
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  const lines = { out: '', err: '' }
  const code = await runDestroyed(
    args.map((arg) => (arg.endsWith('.json') ? join(dir, arg) : arg)),
    { out: (line) => void (lines.out += `${line}\n`), err: (line) => void (lines.err += `${line}\n`) },
  )
  return { code, ...lines }
}
