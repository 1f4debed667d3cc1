// Both charts on a cluster of their own: install, serve, upgrade with the definition, hand over, uninstall.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { reconcilerIdentity } from '../local/identities.ts'
import { applyObjects, waitForDeployment } from '../local/install.ts'
import { ownCluster } from '../local/native/testing.ts'
import { pushReconciler, startServices } from '../local/platform.ts'
import { localCi, trustedAuthority } from '../local/reconciler.ts'
import { localEnvironment, localRegistries, localVolumeMounts, localVolumes } from '../local/reconciler-settings.ts'
import { testRepositories } from '../local/testing-platform.ts'
import { waitFor } from '../local/wait.ts'
import { chartFolder, openHelm, type Values } from './helm.ts'
import { InstalledPredictor } from './installed-predictor.ts'

const timeoutMs = 180_000
const cluster = await ownCluster(t)
const onStep = (step: string): void => t.comment(step)
const platform = await startServices(cluster, { delivered: testRepositories, onStep })
t.teardown(() => platform.close())
const helm = await openHelm(t, cluster.kubeconfig)
const image = await pushReconciler(platform, { onStep })
await applyObjects(cluster.kubeconfig, localCi)

const { namespace } = reconcilerIdentity
const predictor = new InstalledPredictor(platform, helm, 'by-windlass')
const byHelm = new InstalledPredictor(platform, helm, 'by-helm')
const definition = 'customresourcedefinition/deliveries.windlass.dev'

t.test(
  'the reconciler is installed by its chart, into a Namespace that is restricted though Helm made it',
  async (t) => {
    await installReconciler(chartFolder('windlass'))
    await reconcilerReady()
    const level = '{.metadata.labels.pod-security\\.kubernetes\\.io/enforce}'
    t.equal(await read(`namespace/${namespace}`, level), 'restricted')
  },
)

t.test('a tenant by its chart is delivered to, with manifests that the chart rendered, and serves', async (t) => {
  await predictor.install(predictor.tenant())
  const release = await predictor.release()
  await predictor.untilReleased(release.sha)
  t.match(await predictor.untilServed(release.sha, platform.ingressUrl), /^200 /)
})

t.test('the predictor whole by Helm serves beside it', async (t) => {
  const { sha, digest } = await byHelm.release()
  await byHelm.install(byHelm.byHelm(digest), '--wait', '--timeout=3m')
  t.match(await byHelm.untilServed(sha, platform.ingressUrl), /^200 /)

  await t.test('and is handed over to Windlass, without one pod that is made anew', async (t) => {
    const before = await byHelm.pods()
    t.equal(before.length, 1)
    await byHelm.install(byHelm.byHelm(digest, { keep: true }))
    await byHelm.install(byHelm.tenant({ delivery: { adopt: true } }))
    await byHelm.untilReleased(sha)
    t.same(await byHelm.pods(), before)

    const next = await byHelm.release()
    await byHelm.untilReleased(next.sha)
    t.match(await byHelm.untilServed(next.sha, platform.ingressUrl), /^200 /, 'the next release is rolled out')
  })
})

t.test('the definition is upgraded with the chart, under what is there', async (t) => {
  const uid = await predictor.kubectl('get', 'delivery/predictor', '--output=jsonpath={.metadata.uid}')
  const folder = await mkdtemp(join(tmpdir(), 'windlass-chart-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await cp(chartFolder('windlass'), folder, { recursive: true })
  const file = join(folder, 'files', 'customresourcedefinition-deliveries.windlass.dev.yaml')
  const next = parse(await readFile(file, 'utf8')) as Definition
  next.spec.versions[0].additionalPrinterColumns.push({ name: 'Next', type: 'string', jsonPath: '.metadata.name' })
  await writeFile(file, stringify(next))

  await installReconciler(folder)
  const header = await waitFor(
    async () => {
      const [line = ''] = (await predictor.kubectl('get', 'deliveries')).split('\n')
      return line.includes('NEXT') ? line : undefined
    },
    () => 'the new column to be printed',
    { timeoutMs: 30_000 },
  )
  t.match(header, /NAME.*NEXT/)
  t.equal(await predictor.kubectl('get', 'delivery/predictor', '--output=jsonpath={.metadata.uid}'), uid)
  await reconcilerReady()
})

t.test('uninstalled, the reconciler leaves definition, Deliveries and all that runs', async (t) => {
  const [uid, pods] = [await read(definition, '{.metadata.uid}'), await predictor.pods()]
  await helm.run(['uninstall', 'windlass', '--namespace', namespace, '--wait'])

  await t.rejects(kubectl('get', 'clusterrole/windlass'), { message: /not found/ })
  await t.rejects(kubectl('--namespace', namespace, 'get', 'deployment/windlass'), { message: /not found/ })
  t.equal(await read(definition, '{.metadata.uid}'), uid)
  t.equal(await predictor.kubectl('get', 'delivery/predictor', '--output=name'), 'delivery.windlass.dev/predictor')
  t.same(await predictor.pods(), pods)
  t.match(await predictor.version(platform.ingressUrl), /^200 /)
})

t.test('installed again, it takes up the definition that was kept, and goes on', async (t) => {
  const pods = await predictor.pods()
  await installReconciler(chartFolder('windlass'))
  await reconcilerReady()
  const release = await predictor.release()
  await predictor.untilReleased(release.sha)
  t.match(await predictor.untilServed(release.sha, platform.ingressUrl), /^200 /)
  t.notSame(await predictor.pods(), pods, 'the release that came meanwhile is rolled out')
})

t.test('uninstalled, the tenant leaves what was delivered, in its Namespace', async (t) => {
  const pods = await predictor.pods()
  await predictor.uninstall()

  await t.rejects(predictor.kubectl('get', 'delivery/predictor'), { message: /not found/ })
  await t.rejects(predictor.kubectl('get', 'role/windlass'), { message: /not found/ })
  t.same(await predictor.pods(), pods)
  t.match(await predictor.version(platform.ingressUrl), /^200 /)
})

interface Definition {
  readonly spec: {
    readonly versions: readonly [
      { readonly additionalPrinterColumns: { name: string; type: string; jsonPath: string }[] },
    ]
  }
}

async function installReconciler(chart: string): Promise<void> {
  const [repository, digest] = image.reference.split('@')
  const values: Values = {
    image: { repository, tag: '', digest },
    registries: localRegistries,
    identity: { clientId: reconcilerIdentity.clientId },
    env: localEnvironment,
    volumes: localVolumes,
    volumeMounts: localVolumeMounts,
    // Names are resolved by a process of the node here.
    networkPolicy: { dnsServers: [`${cluster.nodeIp}/32`] },
  }
  const where = ['--namespace', namespace, '--create-namespace', '--values', '-']
  await helm.run(['upgrade', '--install', 'windlass', chart, ...where], values)
  // Pods wait for it to be mounted.
  await applyObjects(cluster.kubeconfig, [trustedAuthority(await readFile(cluster.caFile, 'utf8'))])
}

async function reconcilerReady(): Promise<void> {
  await waitForDeployment(cluster.kubeconfig, { namespace, name: 'windlass' }, { timeoutMs })
}

async function kubectl(...args: readonly string[]): Promise<string> {
  return (await cluster.exec('kubectl', args)).stdout
}

function read(object: string, jsonPath: string): Promise<string> {
  return kubectl('get', object, `--output=jsonpath=${jsonPath}`)
}
