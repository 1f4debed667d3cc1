import { readFile, writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import type { Call } from '../../calls/call.ts'
import { kubeconfigOf } from '../context.ts'
import { json, type Recording } from '../recordings/recording.ts'
import { runStep } from '../run-steps.ts'
import { recordedWorld, type TestWorld } from '../testing.ts'
import { credentials } from './credentials.ts'

const before = 'aks-windlass-dev-0a1b2c3d.hcp.westeurope.azmk8s.io'
const now = 'aks-windlass-dev-4e5f6a7b.hcp.westeurope.azmk8s.io'

/** As `az aks get-credentials` writes it. */
const kubeconfig = (host: string): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'aks-windlass-dev', cluster: { server: `https://${host}:443` } }],
    contexts: [{ name: 'aks-windlass-dev', context: { cluster: 'aks-windlass-dev', user: 'clusterUser' } }],
    'current-context': 'aks-windlass-dev',
  })

const unknownAuthority =
  'Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority'

/** A cluster that was made anew under its name. */
async function madeAnew(t: Test, ...recordings: readonly Recording[]): Promise<TestWorld> {
  const world = await recordedWorld(t, {
    recordings: [
      // https://learn.microsoft.com/rest/api/aks/managed-clusters/get
      { command: 'az aks show', stdout: json({ fqdn: now, privateFqdn: null }) },
      { command: 'az aks get-credentials' },
      { command: 'kubelogin convert-kubeconfig' },
      { command: 'kubectl auth can-i', stdout: 'yes' },
      ...recordings,
    ],
    onSuccess: writeKubeconfig,
  })
  return world
}

async function writeKubeconfig({ args }: Call): Promise<void> {
  const file = args[args.indexOf('--file') + 1]
  if (args.includes('get-credentials') && file !== undefined) await writeFile(file, kubeconfig(now))
}

const fetched = [
  'az aks get-credentials --resource-group rg-windlass-dev-cluster --name aks-windlass-dev --file {kubeconfig} --overwrite-existing',
  'kubelogin convert-kubeconfig --login azurecli --kubeconfig {kubeconfig}',
]
const isFetch = (line: string): boolean => /get-credentials|convert-kubeconfig/.test(line)

t.test('a kubeconfig of this cluster is kept', async (t) => {
  for (const fqdns of [
    { fqdn: now, privateFqdn: null },
    { fqdn: null, privateFqdn: now },
  ]) {
    const world = await madeAnew(t, { command: 'az aks show', stdout: json(fqdns) })
    await writeFile(kubeconfigOf(world.context()), kubeconfig(now))
    t.match(await runStep(credentials, world.context(), () => undefined), { ok: true })
    t.same(world.ran.filter(isFetch), [])
  }
})

const stale: Readonly<Record<string, string>> = {
  'a cluster that was there before under the name': kubeconfig(before),
  'nothing, for its write was ended': 'apiVersion: v1\n',
}

for (const [of, text] of Object.entries(stale)) {
  t.test(`a kubeconfig of ${of} is fetched anew, into the same file alone`, async (t) => {
    const world = await madeAnew(t)
    const file = kubeconfigOf(world.context())
    await writeFile(file, text)
    t.match(await runStep(credentials, world.context(), () => undefined), { ok: true })
    t.same(world.ran.filter(isFetch), fetched)
    t.notOk(world.ran.some((line) => line.startsWith('kubectl') && !line.includes('{kubeconfig}')))
    t.equal(await readFile(file, 'utf8'), kubeconfig(now))
  })
}

t.test('one whose server has another certificate now is fetched anew, too', async (t) => {
  const world = await madeAnew(
    t,
    { command: 'kubectl auth can-i', exitCode: 1, stderr: unknownAuthority },
    { command: 'kubectl auth can-i', after: 'az aks get-credentials', stdout: 'yes' },
  )
  await writeFile(kubeconfigOf(world.context()), kubeconfig(now))
  t.match(await runStep(credentials, world.context(), () => undefined), { ok: true })
  t.same(world.ran.filter(isFetch), fetched)
})

t.test('who does not administer the cluster is told so, and nothing is fetched', async (t) => {
  const world = await madeAnew(t, { command: 'kubectl auth can-i', exitCode: 1, stdout: 'no' })
  await writeFile(kubeconfigOf(world.context()), kubeconfig(now))
  const { ok, detail } = await runStep(credentials, world.context(), () => undefined)
  t.notOk(ok)
  t.match(detail, /you are not its administrator[^]*To mend: be a member/)
  t.same(world.ran.filter(isFetch), [])
})
