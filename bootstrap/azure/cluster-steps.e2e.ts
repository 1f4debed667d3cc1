// The steps of the bootstrap that are done in the cluster: kubectl, helm and the API server are real, Azure is recorded,
// and the charts of others, which no registry serves here, are stand-ins that hold what of them our steps rely on.
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import type { Call, Runner } from '../calls/call.ts'
import { processRunner } from '../calls/process-runner.ts'
import { reconcilerDeployment } from '../cluster/reconciler.ts'
import type { StepResult } from '../demo/report.ts'
import { endOfAuditLog, isWrite, readAuditLog, type AuditEvent } from '../local/audit-log.ts'
import { platform as names } from '../local/backend.ts'
import { reconcilerIdentity } from '../local/identities.ts'
import { applyObjects } from '../local/install.ts'
import { localPlacement } from '../local/reconciler.ts'
import { run } from '../local/run.ts'
import { sharedPlatform } from '../local/testing-platform.ts'
import { ensureTools } from '../local/tools.ts'
import { waitFor } from '../local/wait.ts'
import { helmEnv } from '../manifests/helm.ts'
import { foreignDefinitions } from '../manifests/module-files.ts'
import { clusterSteps } from './bootstrap.ts'
import { kubeconfigOf, type AzureContext } from './context.ts'
import { planSteps } from './dry-run.ts'
import { explained } from './explained.ts'
import { json, type Recording } from './recordings/recording.ts'
import { runStep } from './run-steps.ts'
import type { AzureStep } from './step.ts'
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

  // Some of the reconciler is to be done, too.
  await kubectl('delete', 'poddisruptionbudget/windlass', `--namespace=${reconcilerDeployment.namespace}`)
  const from = await endOfAuditLog(cluster.auditLog)
  const planned = new Map<string, readonly string[]>()
  const performed = new Map<string, readonly string[]>()

  await t.test('a dry run writes nothing', async (t) => {
    await planSteps(noting(planned), { ...context, isDryRun: true })
    t.same(await readAuditLog(cluster.auditLog, isOurs, from), [])
  })

  await t.test('a change that the cluster refuses ends its step, and the next start goes on from there', async (t) => {
    const refused = await refusedKubeconfig(Object.values(refusedKinds))
    for (const [failing, kind] of Object.entries(refusedKinds)) {
      const results = await runAll(context, {
        steps: noting(performed),
        before: async (step) => {
          if (step === 'credentials') return
          await copyFile(step === failing ? refused : cluster.kubeconfig, kubeconfigOf(context))
        },
      })
      t.match(troubles(results), [new RegExp(`^${failing}: [^]*not today`)], `${failing} may change no ${kind}`)
    }
    await copyFile(cluster.kubeconfig, kubeconfigOf(context))
    const changing = ['credentials', ...Object.keys(refusedKinds)]
    t.same([...performed.keys()], changing)
    for (const step of changing)
      t.same(performed.get(step), planned.get(step), `${step}: as the dry run had printed it`)
  })

  await t.test('begun again, all of it is done', async (t) => {
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

interface Run {
  readonly steps?: readonly AzureStep[]
  readonly before?: (step: string) => Promise<void>
}

async function runAll(
  context: AzureContext,
  { steps = clusterSteps, before }: Run = {},
): Promise<readonly StepResult[]> {
  const results: StepResult[] = []
  for (const step of steps) {
    await before?.(step.name)
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
  const runner: Runner = (call) => (Object.hasOwn(tools, call.program) ? here({ ...call, env }) : world.run(call))
  const image = await read('deployment/windlass', reconcilerDeployment.namespace, podImage)
  return world.context({
    run: explained(runner, environment),
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

/** The steps, whose actions are noted in words the first time that there are any. */
function noting(into: Map<string, readonly string[]>): readonly AzureStep[] {
  return clusterSteps.map((step) => ({
    ...step,
    actions: async (context) => {
      const actions = await step.actions(context)
      if (!into.has(step.name))
        into.set(
          step.name,
          actions.map(({ text }) => text),
        )
      return actions
    },
  }))
}

/** Of each step that changes the cluster, one kind that it writes. */
const refusedKinds = {
  ingress: 'configmaps',
  reconciler: 'poddisruptionbudgets',
  monitoring: 'configmaps',
  delivery: 'deliveries',
}

/** Of an administrator who may do everything, but for objects of those kinds, which may be tried and not written. */
async function refusedKubeconfig(resources: readonly string[]): Promise<string> {
  const name = 'windlass-refused'
  const [group, account] = ['admissionregistration.k8s.io/v1', { kind: 'ServiceAccount', name, namespace: 'default' }]
  const rules = [{ apiGroups: ['*'], apiVersions: ['*'], resources, operations: ['CREATE', 'UPDATE'] }]
  const rbac = 'rbac.authorization.k8s.io'
  await applyObjects(cluster.kubeconfig, [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'default' } },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [account],
    },
    {
      apiVersion: group,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        matchConstraints: { resourceRules: rules },
        matchConditions: [
          { name: 'whose', expression: `request.userInfo.username == 'system:serviceaccount:default:${name}'` },
          { name: 'really', expression: '!request.dryRun' },
        ],
        validations: [{ expression: 'false', message: 'not today' }],
      },
    },
    {
      apiVersion: group,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ])
  t.teardown(async () => {
    await kubectl('delete', `validatingadmissionpolicybinding/${name}`, `validatingadmissionpolicy/${name}`)
    await kubectl('delete', `clusterrolebinding/${name}`)
    await kubectl('delete', `serviceaccount/${name}`, '--namespace=default')
  })
  const token = (await kubectl('create', 'token', name, '--namespace=default')).trim()
  const admin = parse(await readFile(cluster.kubeconfig, 'utf8')) as { users: readonly { readonly name: string }[] }
  const file = join(home, 'refused')
  await writeFile(
    file,
    stringify({ ...admin, users: admin.users.map((user) => ({ name: user.name, user: { token } })) }),
  )
  await waitFor(
    async () => {
      const create = ['create', 'configmap', name, '--namespace=default', `--kubeconfig=${file}`]
      const { exitCode, stderr } = await run(tools.kubectl, create, { accept: [1] })
      if (exitCode !== 0) return stderr.includes('not today') || undefined
      await kubectl('delete', `configmap/${name}`, '--namespace=default')
      return undefined
    },
    () => 'the policy to be in force',
    { timeoutMs: 60_000 },
  )
  return file
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
