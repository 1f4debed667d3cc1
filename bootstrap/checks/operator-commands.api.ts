/** The commands of the operator's documents, as they stand there, on a real API server. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DeliveryStatus } from '../../reconciler/src/api/delivery.ts'
import { startApiServer } from '../local/api-server.ts'
import { run } from '../local/run.ts'
import { ensureTools } from '../local/tools.ts'
import { waitFor } from '../local/wait.ts'
import { codeBlocks, sectionOf } from './markdown.ts'

t.setTimeout(580_000)

const root = join(import.meta.dirname, '..', '..')
const commit = '0123456789abcdef0123456789abcdef01234567'
const isoTime = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/
const operations = await readFile(join(root, 'docs', 'operations.md'), 'utf8')
const install = await readFile(join(root, 'docs', 'install.md'), 'utf8')
const delivery = await readFile(join(root, 'docs', 'delivery.md'), 'utf8')
const shell = await openShell(t)

t.before(async () => {
  await shell('kubectl create namespace shop && kubectl create namespace predictor')
  await shell('kubectl apply --server-side --filename manifests/crd')
  await shell('kubectl wait --for=condition=Established --timeout=60s crd/deliveries.windlass.dev')
  await shell('kubectl apply --server-side --filename manifests/reconciler/namespace-windlass-system.yaml')
  await shell('kubectl apply --server-side --filename manifests/reconciler')
  // The copy that docs/install.md makes.
  await shell('mkdir ~/windlass && cp --recursive manifests/reconciler/. ~/windlass')
  await shell('kubectl apply --server-side --force-conflicts --filename manifests/predictor/operator')
  await shell('kubectl apply --server-side --filename manifests/predictor/release')
  await tellStatus(shell)
  await waitFor(
    async () => (await mayImpersonate()) || undefined,
    () => "the tenant's Role for the reconciler is not in force",
    { timeoutMs: 60_000 },
  )
})

t.test('the worked example is taken by the API server', async (t) => {
  const [example = ''] = codeBlocks(sectionOf(delivery, 'A worked example') ?? '', 'yaml')
  t.match(await shell('kubectl apply --filename -', { input: example }), 'storefront created')
  await runBlocks(t, runnable(delivery))
})

t.test('every kubectl command of docs/operations.md is one that kubectl and the API server take', async (t) => {
  await runBlocks(t, runnable(operations))
  const paused = await shell('kubectl -n predictor get delivery predictor --output jsonpath={.metadata.annotations}')
  t.match(JSON.parse(paused), {
    'windlass.dev/paused': 'true',
    'windlass.dev/retry': new RegExp(`^[0-9a-f]{40}/${isoTime.source}$`),
    'windlass.dev/reconcile-requested-at': new RegExp(`^${isoTime.source}$`),
  })
})

t.test('the columns are those that the document shows', async (t) => {
  const [head = '', line = ''] = (await shell('kubectl -n predictor get deliveries')).split('\n')
  t.match(head, /^NAME +RUNNING +STATE +AGE +PENDING +HELD/)
  t.match(line, /^predictor +0123456 +RolloutFailed +\S+ +89abcde +89abcde failed$/)
})

t.test('docs/install.md leads from a cluster that holds nothing to a reconciler and a tenant', async (t) => {
  const fresh = await openShell(t)
  const blocks = runnable(install)
  await runBlocks(t, blocks.slice(0, -1), fresh)
  const installed = await fresh(
    'kubectl -n windlass-system get deployment/windlass serviceaccount/windlass --output json',
  )
  t.match(installed, `contoso.azurecr.io/windlass@sha256:${'0'.repeat(64)}`)
  t.match(installed, '"azure.workload.identity/client-id": "00000000-')

  // An upgrade begins with the same.
  await runBlocks(t, blocks.slice(0, -1), fresh)
  t.equal(
    await fresh('ls ~/windlass | grep -v yaml || true'),
    '',
    'what is copied anew takes the place of what was there',
  )
  await tellStatus(fresh)
  await runBlocks(t, blocks.slice(-1), fresh)
})

/** What searches the output of pods needs a node, and az needs Azure. */
function runnable(markdown: string): readonly string[] {
  const blocks = codeBlocks(markdown, 'sh').filter(
    (block) => /kubectl|cp --recursive/.test(block) && !/\|\s*grep/.test(block),
  )
  return blocks.map((block) => block.replaceAll(/^az .*$/gm, '').trim())
}

/** In the order of the page. */
async function runBlocks(t: Test, blocks: readonly string[], type = shell): Promise<void> {
  t.ok(blocks.length > 0, `${blocks.length} blocks`)
  for (const commands of blocks) {
    const [first = ''] = commands.split('\n', 1)
    await t.resolves(type(commands), first)
  }
}

/** As the reconciler would. */
async function tellStatus(type: typeof shell): Promise<void> {
  await type('kubectl -n predictor patch delivery predictor --subresource=status --type=merge --patch "$(cat)"', {
    input: JSON.stringify({ status: aStatus() }),
  })
}

async function mayImpersonate(): Promise<boolean> {
  const answer = await shell(
    'kubectl auth can-i impersonate serviceaccounts/predictor-deployer -n predictor --as system:serviceaccount:windlass-system:windlass || true',
  )
  return answer.startsWith('yes')
}

function aStatus(): DeliveryStatus {
  const at = '2026-03-01T12:00:00Z'
  const revision = { repository: 'contoso.azurecr.io/predictor', digest: `sha256:${'0'.repeat(64)}`, pushedAt: at }
  const failed = '89abcdef0123456789abcdef0123456789abcdef'
  const before = 'fedcba9876543210fedcba9876543210fedcba98'
  const conditions = ['Ready', 'Paused'].map((type) => ({
    type,
    status: 'True' as const,
    reason: type,
    message: '',
    lastTransitionTime: at,
  }))
  return {
    observedGeneration: 1,
    conditions,
    summary: {
      running: commit.slice(0, 7),
      pending: failed.slice(0, 7),
      state: 'RolloutFailed',
      held: '89abcde failed',
    },
    current: { ...revision, tag: commit },
    previous: { ...revision, tag: before },
    rollout: { revision: { ...revision, tag: failed }, phase: 'Failed', startedAt: at, attempt: 1, message: 'failed' },
    history: [{ tag: failed, digest: revision.digest, outcome: 'Failed', reason: 'RolloutFailed', at }],
    inventory: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'predictor' }],
    drifted: [{ kind: 'Deployment', name: 'predictor', since: at }],
  }
}

/**
 * A shell as an operator's, in the root of the checkout. Deletions are tried and not done, for no garbage collector
 * would end them here; a rollout is looked at and not awaited, for no controller makes one; git answers one commit.
 */
async function openShell(t: Test) {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-commands-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const { kubectl } = await ensureTools(['kubectl'], { onStep: (step) => t.comment(step) })
  const server = await startApiServer({ dir, onStep: (step) => t.comment(step) })
  t.teardown(() => server.stop())
  const bin = join(dir, 'bin')
  await mkdir(bin)
  await script(join(bin, 'git'), `echo ${commit}`)
  await script(
    join(bin, 'kubectl'),
    [
      'extra=()',
      'case " $* " in',
      '  *" delete "*) extra=(--dry-run=server) ;;',
      '  *" rollout status "*) extra=(--watch=false) ;;',
      // What is resumed must be paused.
      `  *" rollout resume "*) '${kubectl}' "\${@/resume/pause}" >/dev/null || true ;;`,
      'esac',
      `exec '${kubectl}' "$@" "\${extra[@]}"`,
    ].join('\n'),
  )
  return async (text: string, options: { readonly input?: string } = {}): Promise<string> => {
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', text], {
      cwd: root,
      env: { HOME: dir, KUBECONFIG: server.kubeconfig, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
      ...options,
    })
    return stdout
  }
}

async function script(path: string, body: string): Promise<void> {
  await writeFile(path, `#!/bin/bash\nset -eu\n${body}\n`)
  await chmod(path, 0o755)
}
