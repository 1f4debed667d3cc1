// The steps of the bootstrap that are done in the cluster: kubectl, helm and the API server are real, Azure is recorded,
// and the charts of others, which no registry serves here, are stand-ins that hold what of them our steps rely on.
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import type { Call, Runner } from '../calls/call.ts'
import { processRunner } from '../calls/process-runner.ts'
import { reconcilerDeployment } from '../cluster/reconciler.ts'
import type { StepResult } from '../demo/report.ts'
import { endOfAuditLog, isWrite, readAuditLog, type AuditEvent } from '../local/audit-log.ts'
import { platform as names } from '../local/backend.ts'
import { reconcilerIdentity } from '../local/identities.ts'
import { localPlacement } from '../local/reconciler.ts'
import { sharedPlatform } from '../local/testing-platform.ts'
import { ensureTools } from '../local/tools.ts'
import { helmEnv } from '../manifests/helm.ts'
import { foreignDefinitions } from '../manifests/module-files.ts'
import { clusterSteps } from './bootstrap.ts'
import type { AzureContext } from './context.ts'
import { explained } from './explained.ts'
import { json, type Recording } from './recordings/recording.ts'
import { runStep } from './run-steps.ts'
import { kubePrometheusStack, traefik, type Chart } from './steps/charts.ts'
import { recordedWorld, type TestWorld } from './testing.ts'

t.setTimeout(400_000)

const { cluster } = await sharedPlatform(t)
const onStep = (step: string): void => t.comment(step)
const tools = await ensureTools(['kubectl', 'helm'], { onStep })
const home = await mkdtemp(join(tmpdir(), 'windlass-azure-'))
t.teardown(() => rm(home, { recursive: true, force: true }))
const definitions = (await foreignDefinitions(onStep)).filter(({ metadata }) =>
  metadata?.name?.endsWith('.monitoring.coreos.com'),
)
const charts = {
  ingress: await standIn(traefik, []),
  // Not beside the Prometheus of this cluster, whose Namespace the dashboards share.
  prometheus: await standIn({ ...kubePrometheusStack, namespace: 'stand-in-monitoring' }, definitions),
}
t.teardown(async () => {
  await kubectl('delete', 'delivery/predictor', '--namespace=predictor', '--ignore-not-found')
  const made = ['predictor', charts.ingress.namespace, charts.prometheus.namespace]
  await kubectl('delete', 'namespace', ...made, '--ignore-not-found')
  await kubectl('delete', 'configmap/windlass-dashboards', '--namespace=monitoring', '--ignore-not-found')
  await kubectl('delete', 'crd', ...definitions.map(({ metadata }) => metadata?.name ?? ''), '--ignore-not-found')
})

const output = (value: string): object => ({ sensitive: false, type: 'string', value })

const azure: readonly Recording[] = [
  { command: 'az aks show', stdout: json({ fqdn: await hostOfCluster(), privateFqdn: null }) },
  { command: 'az aks get-credentials', stdout: 'Merged "aks-windlass-dev" as current context' },
  { command: 'kubelogin convert-kubeconfig' },
  { command: 'terraform -chdir={synth}/stacks/platform init' },
  {
    command: 'terraform -chdir={synth}/stacks/platform output -json',
    stdout: json({
      'registry-host': output(names.registryHost),
      'reconciler-client-id': output(reconcilerIdentity.clientId),
    }),
  },
]

t.test('the cluster is made what the manifests say, step by step, each mended by typing the same again', async (t) => {
  const world = await recordedWorld(t, { recordings: azure, onSuccess: takeKubeconfig })
  const context = await contextOf(world)

  await t.test('credentials that Azure refuses end it, with what to do', async (t) => {
    world.failures.push({ command: 'az aks get-credentials', exitCode: 1, stderr: 'ERROR: (AuthorizationFailed) …' })
    t.match(troubles(await runAll(context)), [/^credentials: [^]*AuthorizationFailed[^]*To mend: /])
    world.failures.length = 0
  })

  await t.test('begun again, all of it is done', async (t) => {
    const from = await endOfAuditLog(cluster.auditLog)
    const results = await runAll(context)
    t.same(troubles(results), [])
    t.match(results.find(({ name }) => name === 'doctor')?.detail, /Delivery predictor\/predictor: /)
    t.match(await read('configmap/traefik', 'traefik'), /"isDefaultClass":true/, 'a chart is given its values')
    t.match(await read('delivery/predictor', 'predictor', '{.spec.image.repository}'), names.registryHost)
    const account = await read('serviceaccount/windlass', reconcilerDeployment.namespace, '{.metadata.annotations}')
    t.match(account, reconcilerIdentity.clientId, 'the identity that the webhook of AKS reads')
    t.match(await read('prometheusrule/windlass', 'monitoring', '{.kind}'), 'PrometheusRule')
    const programs = new Set((await readAuditLog(cluster.auditLog, isOurs, from)).map(({ userAgent }) => userAgent))
    t.equal(programs.size, 3, `the witness sees helm, kubectl and our own client: ${[...programs].join(', ')}`)
  })

  await t.test('begun once more, nothing is written', async (t) => {
    const from = await endOfAuditLog(cluster.auditLog)
    t.same(troubles(await runAll(context)), [])
    const writes = await readAuditLog(cluster.auditLog, isOurs, from)
    t.same(
      writes.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
      [],
    )
  })

  await t.test('what another hand took away is put back', async (t) => {
    await kubectl('delete', 'rolebinding/windlass', '--namespace=predictor')
    const noRules = ['--namespace=monitoring', '--type=merge', '--patch={"spec":{"groups":[]}}']
    await kubectl('patch', 'prometheusrule/windlass', ...noRules)
    const results = await runAll(context)
    t.same(troubles(results), [])
    t.equal(await read('rolebinding/windlass', 'predictor', '{.roleRef.name}'), 'windlass')
    t.match(await read('prometheusrule/windlass', 'monitoring', '{.spec.groups[*].name}'), 'windlass-process')
  })
})

/** A write by the administrator whose kubeconfig the steps are given; access reviews are questions. */
function isOurs(event: AuditEvent): boolean {
  const isQuestion = event.objectRef?.resource?.endsWith('accessreviews') === true
  return isWrite(event) && !isQuestion && !event.user.username.startsWith('system:')
}

async function runAll(context: AzureContext): Promise<readonly StepResult[]> {
  const results: StepResult[] = []
  for (const step of clusterSteps) {
    const result = await runStep(step, context, onStep)
    results.push(result)
    if (!result.ok) break
  }
  return results
}

function troubles(results: readonly StepResult[]): readonly string[] {
  return results.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`)
}

async function contextOf(world: TestWorld): Promise<AzureContext> {
  const { signal, environment } = world.context()
  const env = helmEnv(home)
  const here = processRunner(signal, tools)
  const run: Runner = (call) => (Object.hasOwn(tools, call.program) ? here({ ...call, env }) : world.run(call))
  const image = await read('deployment/windlass', reconcilerDeployment.namespace, podImage)
  return world.context({
    run: explained(run, environment),
    options: { terraform: 'terraform', github: 'print', image },
    charts,
    placement: localPlacement(image, cluster.nameServers),
    everyMs: 1_000,
  })
}

const podImage = '{.spec.template.spec.containers[0].image}'

async function hostOfCluster(): Promise<string> {
  const { clusters } = parse(await readFile(cluster.kubeconfig, 'utf8')) as {
    clusters: readonly { cluster: { server: string } }[]
  }
  return new URL(clusters[0]?.cluster.server ?? '').hostname
}

/** What the Azure CLI leaves on this machine. */
async function takeKubeconfig({ program, args }: Call): Promise<void> {
  const file = args[args.indexOf('--file') + 1]
  if (program === 'az' && args.includes('get-credentials') && file !== undefined) {
    await copyFile(cluster.kubeconfig, file)
  }
}

/** A chart of the same name and version that holds these definitions, and shows the values that it was given. */
async function standIn(chart: Chart, crds: readonly object[]): Promise<Chart> {
  const { repository: _, ...own } = chart
  const folder = join(home, chart.chart)
  await mkdir(join(folder, 'templates'), { recursive: true })
  await mkdir(join(folder, 'crds'))
  await writeFile(
    join(folder, 'Chart.yaml'),
    JSON.stringify({ apiVersion: 'v2', name: chart.chart, version: chart.version }),
  )
  await writeFile(
    join(folder, 'templates', 'values.yaml'),
    `{ apiVersion: v1, kind: ConfigMap, metadata: { name: ${chart.release} }, data: { values: {{ .Values | toJson | quote }} } }`,
  )
  for (const [index, crd] of crds.entries()) {
    await writeFile(join(folder, 'crds', `${index}.yaml`), JSON.stringify(crd))
  }
  return { ...own, chart: folder }
}

async function kubectl(...args: readonly string[]): Promise<string> {
  return (await cluster.exec('kubectl', args)).stdout
}

function read(object: string, namespace: string, jsonPath = '{.data.values}'): Promise<string> {
  return kubectl('get', object, `--namespace=${namespace}`, `--output=jsonpath=${jsonPath}`)
}
