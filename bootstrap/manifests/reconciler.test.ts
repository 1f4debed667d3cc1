import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { group, plural } from '../../reconciler/src/api/delivery.ts'
import { supportedKinds } from '../../reconciler/src/api/kinds.ts'
import { readConfig } from '../../reconciler/src/config.ts'
import { parseManifests } from '../../reconciler/src/core/manifest-yaml.ts'

const folder = join(import.meta.dirname, '../../manifests/reconciler')
const documents = await read()

t.test('each file holds one object and is named after it', async (t) => {
  const names = documents.map(({ kind, metadata }) => `${kind.toLowerCase()}-${metadata.name}.yaml`)

  t.same(names.sort(), (await readdir(folder)).sort())
})

t.test(
  'it may list and watch, in the whole cluster, just Namespaces and the kinds that a release may hold, and never read one',
  async (t) => {
    const { rules } = find('ClusterRole') as RoleManifest
    const watched = rules.filter(({ verbs }) => verbs.join() === 'list,watch')

    t.same(
      inOrder(
        watched.flatMap(({ apiGroups, resources }) => resources.map((resource) => `${apiGroups.join()}/${resource}`)),
      ),
      inOrder(['/namespaces', ...supportedKinds.map((kind) => `${kind.group}/${kind.plural}`)]),
    )
    const others = rules.filter((rule) => !watched.includes(rule))
    t.same(
      others.map(({ resources }) => resources.join()),
      [plural, `${plural}/status`, 'events'],
    )
    t.same(others[0]?.apiGroups, [group])
  },
)

t.test('nothing gives it a right to act as somebody, to read secrets, or any right at all', async (t) => {
  const rules = documents.filter(({ kind }) => kind.endsWith('Role')).flatMap((role) => (role as RoleManifest).rules)

  for (const { apiGroups, resources, verbs } of rules) {
    t.notOk([...apiGroups, ...resources, ...verbs].includes('*'), resources.join())
    t.notOk(verbs.includes('impersonate'), resources.join())
    t.notOk(resources.includes('secrets'))
  }
})

t.test('its environment, with what the webhook adds, is a whole configuration', async (t) => {
  const { spec } = find('Deployment') as DeploymentManifest
  const { containers, enableServiceLinks } = spec.template.spec
  const set = Object.fromEntries(
    (containers[0]?.env ?? []).map(({ name, value = 'by-the-downward-api' }) => [name, value]),
  )
  const webhook = {
    AZURE_CLIENT_ID: 'client',
    AZURE_TENANT_ID: 'tenant',
    AZURE_FEDERATED_TOKEN_FILE: '/var/run/secrets/azure/tokens/azure-identity-token',
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
  }

  const config = readConfig({ ...set, ...webhook })

  t.equal(config.port, containers[0]?.ports[0]?.containerPort)
  t.equal(spec.template.metadata.labels['azure.workload.identity/use'], 'true')
  t.equal(enableServiceLinks, false, 'a Service named windlass-… would add keys under WINDLASS_')
  t.throws(() => readConfig({ ...set, ...webhook, WINDLASS_METRICS_PORT: 'tcp://10.0.0.1:8080' }))
})

t.test('both replicas are asked whether they live and whether they are ready, and one always stays', async (t) => {
  const { spec } = find('Deployment') as DeploymentManifest
  const budget = find('PodDisruptionBudget') as Manifest & { spec: { maxUnavailable: number } }

  t.match(spec, { replicas: 2, strategy: { rollingUpdate: { maxUnavailable: 0 } } })
  t.match(spec.template.spec.containers[0], {
    livenessProbe: { httpGet: { path: '/healthz' } },
    readinessProbe: { httpGet: { path: '/readyz' } },
  })
  t.equal(budget.spec.maxUnavailable, 1)
})

t.test('the Lease that its Role names is the one that it takes', async (t) => {
  const { rules } = find('Role') as RoleManifest
  const least = {
    WINDLASS_REGISTRIES: 'contoso.azurecr.io',
    WINDLASS_POD_NAME: 'windlass',
    WINDLASS_POD_NAMESPACE: 'windlass-system',
    AZURE_CLIENT_ID: 'client',
    AZURE_TENANT_ID: 'tenant',
    AZURE_FEDERATED_TOKEN_FILE: 'token',
  }

  t.same(
    rules.flatMap(({ resourceNames = [] }) => resourceNames),
    [readConfig(least).lease.name],
  )
})

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
}

interface RoleManifest extends Manifest {
  readonly rules: ReadonlyArray<{
    readonly apiGroups: readonly string[]
    readonly resources: readonly string[]
    readonly resourceNames?: readonly string[]
    readonly verbs: readonly string[]
  }>
}

interface DeploymentManifest extends Manifest {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> }
      readonly spec: {
        readonly enableServiceLinks: boolean
        readonly containers: ReadonlyArray<{
          readonly env: ReadonlyArray<{ readonly name: string; readonly value?: string }>
          readonly ports: ReadonlyArray<{ readonly containerPort: number }>
        }>
      }
    }
  }
}

function find(kind: string): Manifest {
  const found = documents.find((document) => document.kind === kind)
  if (found === undefined) throw new Error(`there is no ${kind}`)
  return found
}

async function read(): Promise<readonly Manifest[]> {
  const texts = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')))
  return texts.flatMap((text) => {
    const parsed = parseManifests(text)
    if (parsed.kind === 'invalid') throw new Error(parsed.problems.join())
    return parsed.documents as readonly Manifest[]
  })
}

function inOrder(names: readonly string[]): readonly string[] {
  return [...names].sort()
}
