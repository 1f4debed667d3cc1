import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { CommandFailed, run } from '../local/run.ts'
import { sharedApiServer } from '../local/testing.ts'
import { ensureTools } from '../local/tools.ts'
import { waitFor } from '../local/wait.ts'

t.setTimeout(180_000)

const manifests = fileURLToPath(new URL('../../manifests', import.meta.url))
const cluster = await openCluster(t)
const { namespace, folder, kubectl } = cluster
const deployer = `system:serviceaccount:${namespace}:predictor-deployer`
const reconciler = 'system:serviceaccount:windlass-system:windlass'
const apply = ['apply', '--server-side', '--validate=strict', '--warnings-as-errors']

t.test("the operator's part is taken whole, without a warning", async (t) => {
  await kubectl('apply', '--server-side', '--force-conflicts', '--filename', join(manifests, 'crd'))
  await kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd/deliveries.windlass.dev')
  await kubectl(...apply, '--filename', join(folder, 'operator', 'namespace-predictor.yaml'))
  const output = await kubectl(...apply, '--filename', join(folder, 'operator'))
  t.equal(output.split('\n').length, (await readdir(join(folder, 'operator'))).length)
})

t.test('the deployer can apply a release, strictly, as a dry run and for real', async (t) => {
  await waitFor(
    async () => (await can(deployer, 'patch', 'deployments.apps')) || undefined,
    () => 'the rights of the deployer are not in force',
    { timeoutMs: 60_000 },
  )
  for (const dryRun of ['server', 'none']) {
    const output = await kubectl(
      ...apply,
      `--as=${deployer}`,
      `--dry-run=${dryRun}`,
      '--filename',
      join(folder, 'release'),
    )
    t.equal(output.split('\n').length, (await readdir(join(folder, 'release'))).length, `dry run: ${dryRun}`)
  }
})

t.test('its pods pass the restricted level, and looser ones do not', async (t) => {
  const { spec } = JSON.parse(
    await kubectl('get', 'deployment', 'predictor', '--namespace', namespace, '--output=json'),
  )
  const template = spec.template as { metadata: { labels: object }; spec: PodSpec }
  const createPod = (podSpec: PodSpec) =>
    kubectl('create', '--dry-run=server', '--warnings-as-errors', '--filename', '-', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'trial', namespace, labels: template.metadata.labels },
      spec: podSpec,
    })
  t.match(await createPod(template.spec), 'pod/trial created')

  const [container] = template.spec.containers
  const looser: Readonly<Record<string, Partial<PodSpec>>> = {
    'as whoever the image says': { securityContext: {} },
    'with privilege escalation': { containers: [{ ...container, securityContext: { readOnlyRootFilesystem: true } }] },
    'in the network of the node': { hostNetwork: true },
    'with a folder of the node': { volumes: [{ name: 'host', hostPath: { path: '/' } }] },
  }
  for (const [name, change] of Object.entries(looser)) {
    await t.rejects(createPod({ ...template.spec, ...change }), { message: /violates PodSecurity "restricted:/ }, name)
  }
})

t.test('the deployer can do what a release needs, and nothing that would widen its rights', async (t) => {
  const kinds = [
    'configmaps',
    'serviceaccounts',
    'services',
    'deployments.apps',
    'horizontalpodautoscalers.autoscaling',
    'ingresses.networking.k8s.io',
    'networkpolicies.networking.k8s.io',
    'poddisruptionbudgets.policy',
  ]
  for (const kind of kinds) {
    for (const verb of ['get', 'create', 'patch', 'delete']) t.ok(await can(deployer, verb, kind), `${verb} ${kind}`)
  }
  for (const [verb, kind] of [
    ['list', 'horizontalpodautoscalers.autoscaling'],
    ['list', 'replicasets.apps'],
    ['watch', 'pods'],
    ['get', 'pods/log'],
  ] as const) {
    t.ok(await can(deployer, verb, kind), `${verb} ${kind}`)
  }
  for (const [verb, kind] of [
    ['get', 'secrets'],
    ['list', 'configmaps'],
    ['create', 'roles.rbac.authorization.k8s.io'],
    ['create', 'rolebindings.rbac.authorization.k8s.io'],
    ['patch', 'deliveries.windlass.dev'],
    ['create', 'pods'],
    ['create', 'pods/exec'],
    ['create', 'serviceaccounts/token'],
    ['impersonate', 'serviceaccounts'],
    ['deletecollection', 'deployments.apps'],
  ] as const) {
    t.notOk(await can(deployer, verb, kind), `${verb} ${kind}`)
  }
  t.notOk(await can(deployer, 'get', 'configmaps', 'default'), 'nothing in another namespace')
})

t.test('the reconciler can act as the deployer, keep copies, and do nothing else here by itself', async (t) => {
  t.ok(await can(reconciler, 'impersonate', 'serviceaccounts/predictor-deployer'))
  for (const verb of ['get', 'list', 'create', 'delete']) {
    t.ok(await can(reconciler, verb, 'controllerrevisions.apps'), `${verb} controllerrevisions`)
  }
  t.notOk(await can(reconciler, 'impersonate', 'serviceaccounts/predictor'))
  t.notOk(await can(reconciler, 'impersonate', 'serviceaccounts'))
  for (const [verb, kind] of [
    ['patch', 'deployments.apps'],
    ['get', 'configmaps'],
    ['get', 'secrets'],
    ['patch', 'controllerrevisions.apps'],
  ] as const) {
    t.notOk(await can(reconciler, verb, kind), `${verb} ${kind}`)
  }
})

interface PodSpec {
  readonly securityContext: object
  readonly containers: readonly object[]
  readonly hostNetwork?: boolean
  readonly volumes?: readonly object[]
}

/** `resource` as kubectl takes it: RESOURCE, RESOURCE.GROUP, RESOURCE/NAME, or RESOURCE/SUBRESOURCE for pods. */
async function can(user: string, verb: string, resource: string, where = namespace): Promise<boolean> {
  const [base = '', sub] = resource.split('/')
  const isSubresource = sub !== undefined && ['log', 'exec', 'token'].includes(sub)
  const args = isSubresource ? [base, `--subresource=${sub}`] : [resource]
  try {
    await kubectl('auth', 'can-i', verb, ...args, `--as=${user}`, '--namespace', where, '--quiet')
    return true
  } catch (error) {
    if (error instanceof CommandFailed && error.exitCode === 1 && error.stderr === '') return false
    throw error
  }
}

/** The manifests in a namespace of this test's own, and kubectl for it. A last argument that is an object is stdin. */
async function openCluster(t: Test) {
  const server = await sharedApiServer(t)
  const tools = await ensureTools(['kubectl'])
  const namespace = server.namespaceName('predictor manifests')
  const folder = await mkdtemp(join(tmpdir(), 'windlass-manifests-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  for (const part of ['operator', 'release']) {
    await mkdir(join(folder, part))
    for (const file of await readdir(join(manifests, 'predictor', part))) {
      const text = await readFile(join(manifests, 'predictor', part, file), 'utf8')
      const isNamespace = file.startsWith('namespace-')
      const moved = text.replaceAll(
        isNamespace ? /^( *name): predictor$/gm : /^( *namespace): predictor$/gm,
        `$1: ${namespace}`,
      )
      await writeFile(join(folder, part, file), moved)
    }
  }
  const kubectl = async (...args: readonly (string | object)[]): Promise<string> => {
    const words = args.filter((arg) => typeof arg === 'string')
    const input = args.find((arg) => typeof arg === 'object')
    const { stdout } = await run(tools.kubectl, ['--kubeconfig', server.kubeconfig, ...words], {
      ...(input !== undefined && { input: JSON.stringify(input) }),
    })
    return stdout
  }
  return { namespace, folder, kubectl }
}
