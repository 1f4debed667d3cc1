/** What is provisioned and what is installed, as checkov sees it: its failures are the exceptions, no more and no fewer. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseConfig } from '../../../infra/src/config.ts'
import type { Profile } from '../../../infra/src/settings.ts'
import { synthesize } from '../../../infra/src/synth.ts'
import { exampleEnvironment } from '../../../infra/src/testing.ts'
import { checkout } from '../../local/checkout.ts'
import { readable, scan } from './checkov.ts'
import { azureExceptions, kubernetesExceptions, type Exception } from './exceptions.ts'

// A first run installs it, behind other installs.
t.setTimeout(1_100_000)

const folder = await mkdtemp(join(tmpdir(), 'windlass-checkov-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
await layOut('dev')
await layOut('prod')
for (const name of ['predictor', 'reconciler']) {
  await cp(join(checkout, 'manifests', name), join(folder, 'manifests', name), { recursive: true })
}
await plant()
const { passed, failed } = await scan(folder, { onStep: (step) => t.comment(step) })

t.test('of each profile the failures are the exceptions', async (t) => {
  for (const profile of ['dev', 'prod'] as const) {
    t.same(failuresIn(profile), wordsOf(azureExceptions[profile]), profile)
  }
})

t.test('of the raw manifests the failures are the exceptions', async (t) => {
  t.same(failuresIn('manifests'), wordsOf(kubernetesExceptions))
})

t.test('what is wrong is found, of each kind', async (t) => {
  const found = failuresIn('planted')
  for (const fault of [
    'CKV_AZURE_44 planted-storage: old TLS',
    'CKV_AZURE_141 planted-cluster: local accounts',
    'CKV_K8S_16 Deployment/planted: a privileged container',
    'CKV_K8S_23 Deployment/planted: as root',
  ]) {
    t.ok(found.includes(fault.split(':')[0] ?? ''), fault)
  }
  t.ok(passed > 300, `${passed} checks passed: all was read`)
})

function failuresIn(name: string): readonly string[] {
  return failed.flatMap(({ folder, check, object }) => (folder === name ? [`${check} ${object}`] : [])).sort()
}

function wordsOf(exceptions: readonly Exception[]): readonly string[] {
  return exceptions.map(({ check, object }) => `${check} ${object}`).sort()
}

async function layOut(profile: Profile): Promise<void> {
  const synthesized = join(folder, 'synth', profile)
  synthesize(parseConfig(exampleEnvironment(profile)), synthesized)
  await mkdir(join(folder, profile))
  for (const stack of ['base', 'platform', 'cluster']) {
    const text = await readFile(join(synthesized, 'stacks', stack, 'cdk.tf.json'), 'utf8')
    await writeFile(join(folder, profile, `${stack}.tf.json`), readable(text))
  }
  await rm(synthesized, { recursive: true })
}

async function plant(): Promise<void> {
  await mkdir(join(folder, 'planted'))
  const resource = {
    azurerm_storage_account: { 'planted-storage': { name: 'planted', min_tls_version: 'TLS1_0' } },
    azurerm_kubernetes_cluster: { 'planted-cluster': { name: 'planted', local_account_disabled: false } },
  }
  await writeFile(join(folder, 'planted', 'faults.tf.json'), JSON.stringify({ resource }))
  const container = { name: 'a', image: 'a:latest', securityContext: { privileged: true, runAsUser: 0 } }
  const labels = { app: 'planted' }
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'planted', namespace: 'planted' },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [container] } } },
  }
  await writeFile(join(folder, 'planted', 'deployment.json'), JSON.stringify(deployment))
}
