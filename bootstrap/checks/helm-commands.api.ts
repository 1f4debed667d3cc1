/** The Helm commands of the documents, as they stand there, on a real API server. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readManifestFolder } from '../../reconciler/src/cli/manifest-folder.ts'
import { checkBundle } from '../../reconciler/src/core/bundle-rules.ts'
import { startApiServer } from '../local/api-server.ts'
import { checkout } from '../local/checkout.ts'
import { run } from '../local/run.ts'
import { ensureTools } from '../local/tools.ts'
import { codeBlocks, sectionOf } from './markdown.ts'

t.setTimeout(580_000)

const page = (path: string) => readFile(join(checkout, path), 'utf8')
const install = sectionOf(await page('docs/install.md'), 'With Helm') ?? ''
const upgrade = sectionOf(await page('docs/operations.md'), 'Upgrade the reconciler') ?? ''
const uninstall = sectionOf(await page('docs/operations.md'), 'Uninstall') ?? ''
const charts = await page('manifests/chart/README.md')

const first = `sha256:${'1'.repeat(64)}`
const second = `sha256:${'2'.repeat(64)}`
const { type, folder } = await openShell(t)

t.test('docs/install.md installs both charts on a cluster that holds nothing', async (t) => {
  await type(helmBlock(install))

  t.equal(await type(imageOfReconciler), `contoso.azurecr.io/windlass:0.1.0@${first}`)
  t.match(await type('kubectl get namespace windlass-system --show-labels'), 'enforce=restricted')
  t.match(await type('kubectl -n predictor get delivery predictor'), 'predictor')

  await t.test('docs/operations.md upgrades it, and what was set before stays', async (t) => {
    await type(`DIGEST=${second}\n${helmBlock(upgrade)}`)
    t.equal(await type(imageOfReconciler), `contoso.azurecr.io/windlass:0.1.0@${second}`)
    t.match(await type('kubectl -n windlass-system get deployment windlass --output yaml'), 'value: contoso.azurecr.io')
  })

  await t.test('and uninstalls both, which leaves what it says', async (t) => {
    const commands = uninstall.match(/(?<=`)helm uninstall [^`]+(?=`)/g) ?? []
    t.equal(commands.length, 2)
    await type(commands[0] ?? '')
    t.match(await type('kubectl -n predictor get delivery predictor'), 'predictor')
    await type(commands[1] ?? '')
    t.equal(await type('kubectl get deliveries --all-namespaces --output name'), '')
    t.match(await type('kubectl get crd deliveries.windlass.dev'), 'deliveries.windlass.dev')
    t.match(await type('kubectl get namespace windlass-system predictor'), /windlass-system[^]*predictor/)
    await t.rejects(type('kubectl -n windlass-system get deployment windlass'), { message: /not found/ })
  })
})

t.test('what kubectl applied is taken over where that is asked for, and only then', async (t) => {
  const { type } = await openShell(t)
  await type('kubectl apply --server-side --filename manifests/crd')
  await type('kubectl apply --server-side --filename manifests/reconciler/namespace-windlass-system.yaml')
  await type('kubectl apply --server-side --filename manifests/reconciler')
  const uid = await type('kubectl -n windlass-system get deployment windlass --output jsonpath={.metadata.uid}')
  const [command = ''] = helmBlock(install).split(/^(?=helm upgrade --install predictor)/m)
  await t.rejects(type(command), { message: /cannot be imported into the current release/ })

  const asked = /--take-ownership --force-conflicts/.exec(install)?.[0]
  t.ok(asked, 'docs/install.md says how')
  await type(`${command.trim()} ${asked}`)
  t.equal(await type(imageOfReconciler), `contoso.azurecr.io/windlass:0.1.0@${first}`)
  t.equal(await type('kubectl -n windlass-system get deployment windlass --output jsonpath={.metadata.uid}'), uid)
})

t.test('what manifests/chart/README.md renders is what a release may hold', async (t) => {
  await type(helmBlock(charts).replace('--output-dir release', `--output-dir ${folder}/release`))
  const { documents, problems } = await readManifestFolder(join(folder, 'release'))

  t.same(problems, [])
  const checked = checkBundle(documents, { namespace: 'predictor', serviceAccountName: 'predictor-deployer' })
  t.same(checked.kind === 'refused' ? checked.violations : [], [])
  t.equal(checked.kind === 'accepted' && checked.objects.length, 8)
})

const imageOfReconciler =
  'kubectl -n windlass-system get deployment windlass --output jsonpath={.spec.template.spec.containers[0].image}'

/** With what an operator writes in the place of zeros. */
function helmBlock(section: string): string {
  const blocks = codeBlocks(section, 'sh').filter((block) => block.includes('helm '))
  if (blocks.length !== 1) throw new Error(`${blocks.length} blocks of Helm's commands in a section`)
  return blocks.join().replaceAll(`sha256:${'0'.repeat(64)}`, first)
}

/** A shell as an operator's, in the root of the checkout. Nothing is awaited: no controller would make it ready. */
async function openShell(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'windlass-helm-commands-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const onStep = (step: string): void => t.comment(step)
  const { helm, kubectl } = await ensureTools(['helm', 'kubectl'], { onStep })
  const server = await startApiServer({ dir: join(folder, 'server'), onStep })
  t.teardown(() => server.stop())
  const bin = join(folder, 'bin')
  await mkdir(bin)
  const programs = {
    kubectl: `exec '${kubectl}' "$@"`,
    helm: `args=()\nfor arg; do [ "$arg" = --wait ] || args+=("$arg"); done\nexec '${helm}' "\${args[@]}"`,
  }
  for (const [name, body] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/bash\nset -eu\n${body}\n`)
    await chmod(join(bin, name), 0o755)
  }
  const env = {
    HOME: folder,
    KUBECONFIG: server.kubeconfig,
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    DIGEST: first,
    CLIENT_ID: '00000000-0000-4000-8000-000000000001',
  }
  const type = async (text: string): Promise<string> => {
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', text], { cwd: checkout, env })
    return stdout
  }
  return { type, folder }
}
