import t from 'tap'
import type { Manifest } from '../local/install.ts'
import { CommandFailed } from '../local/run.ts'
import { type Chart, openHelm, type Values } from './helm.ts'
import { nameOf, watchManifests } from './raw-manifests.ts'
import { renderings, renderingNamed } from './renderings.ts'

t.setTimeout(580_000)

const helm = await openHelm(t)
const digest = `sha256:${'ab'.repeat(32)}`

t.test('helm lint has nothing against any of them', async (t) => {
  for (const { name, chart, values } of renderings) {
    t.match(await helm.lint(chart, values), '1 chart(s) linted, 0 chart(s) failed', name)
  }
})

t.test('a value that can not be meant is refused, and the error names it and says what is asked', async (t) => {
  const refused: readonly (readonly [Chart, string, Values, RegExp])[] = [
    ['windlass', 'a key that there is not', { replica: 2 }, /additional properties 'replica' not allowed/],
    ['windlass', 'no image', { image: { tag: '' } }, /\/image\/tag.*minLength[^]*\/image\/digest.*minLength/],
    ['windlass', 'an image that moves', { image: { tag: 'latest' } }, /\/image\/tag/],
    ['windlass', 'a digest without its algorithm', { image: { digest: 'ab'.repeat(32) } }, /\/image\/digest.*pattern/],
    ['windlass', 'no registry', { registries: [] }, /\/registries.*minItems/],
    ['windlass', 'a registry with a scheme', { registries: ['https://x.azurecr.io'] }, /\/registries\/0.*pattern/],
    ['windlass', 'a client ID that is none', { identity: { clientId: 'windlass' } }, /\/identity\/clientId.*pattern/],
    ['windlass', 'no replica', { replicas: 0 }, /\/replicas.*minimum/],
    [
      'windlass',
      'a number in the environment',
      { env: { WINDLASS_CONCURRENCY: 8 } },
      /\/env\/WINDLASS_CONCURRENCY.*want string/,
    ],
    ['windlass', 'what the chart sets itself', { env: { WINDLASS_REGISTRIES: 'x' } }, /\/env\/WINDLASS_REGISTRIES/],
    ['windlass', 'a port that no probe would ask', { env: { WINDLASS_PORT: '9090' } }, /\/env\/WINDLASS_PORT/],
    ['windlass', 'a policy that is left blank', { networkPolicy: { flavor: null } }, /\/networkPolicy.*flavor/],
    ['windlass', 'a definition that is left blank', { crd: { install: null } }, /\/crd.*install/],
    ['windlass', 'a flavor that there is not', { monitoring: { flavor: 'datadog' } }, /\/monitoring\/flavor.*'azure'/],
    [
      'windlass',
      'names for a policy that knows none',
      { networkPolicy: { fqdns: ['x.io'] } },
      /\/networkPolicy\/flavor/,
    ],
    ['windlass', 'no requests', { resources: { requests: null } }, /\/resources.*requests/],
    ['predictor', 'a deliverer that there is not', { deliveredBy: 'flux' }, /\/deliveredBy.*'windlass', 'helm'/],
    [
      'predictor',
      'no image where Helm delivers',
      { deliveredBy: 'helm' },
      /\/image\/tag.*minLength[^]*\/image\/digest/,
    ],
    [
      'predictor',
      'no tag and no digest at all',
      { deliveredBy: 'helm', image: { tag: null, digest: null } },
      /\/image.*tag.*digest/,
    ],
    ['predictor', 'a deliverer that is left blank', { deliveredBy: null }, /missing property 'deliveredBy'/],
    ['predictor', 'a host that is left blank', { deliveredBy: 'helm', image: { digest }, host: null }, /'host'/],
    ['predictor', 'a host with two dots', { host: 'predictor..contoso.com' }, /\/host.*pattern/],
    [
      'predictor',
      'a Namespace that can not be',
      { networkPolicy: { ingressControllers: ['a: b'] } },
      /\/networkPolicy\/ingressControllers\/0.*pattern/,
    ],
    ['predictor', 'a policy that is left blank', { networkPolicy: { flavor: null } }, /\/networkPolicy.*flavor/],
    [
      'predictor',
      'a draining that a pod has no time for',
      { config: { PREDICTOR_DRAIN_MS: '25000' } },
      /\/config\/PREDICTOR_DRAIN_MS.*pattern/,
    ],
    ['predictor', 'a port that no probe would ask', { config: { PORT: '9090' } }, /\/config\/PORT/],
    ['predictor', 'an image where Windlass delivers', { image: { digest } }, /\/image\/digest.*maxLength/],
    ['predictor', 'to keep what is not there', { keep: true }, /\/keep/],
    [
      'predictor',
      'a Delivery that takes over, where Helm delivers',
      { deliveredBy: 'helm', image: { digest }, delivery: { adopt: true } },
      /\/delivery\/adopt/,
    ],
    [
      'predictor',
      'a route to no Gateway',
      { deliveredBy: 'helm', image: { digest }, httpRoute: { enabled: true } },
      /\/httpRoute\/parentRefs.*minItems/,
    ],
    [
      'predictor',
      'fewer replicas at most than at least',
      { deliveredBy: 'helm', image: { digest }, autoscaling: { minReplicas: 9 } },
      /autoscaling\.maxReplicas is less than autoscaling\.minReplicas/,
    ],
    ['predictor', 'a timeout without a unit', { delivery: { timeout: '300' } }, /\/delivery\/timeout.*pattern/],
    ['predictor', 'a flavor that there is not', { networkPolicy: { flavor: 'calico' } }, /\/networkPolicy\/flavor/],
  ]
  for (const [chart, name, values, expected] of refused) {
    const refusal = await helm.template(chart, values).then(
      () => 'it was rendered',
      (error: unknown) => (error instanceof CommandFailed ? error.stderr : String(error)),
    )
    t.match(refusal, expected, `${chart}: ${name}`)
  }
})

t.test('monitoring has one form and not two', async (t) => {
  for (const chart of ['windlass', 'predictor'] as const) {
    const base = chart === 'predictor' ? { deliveredBy: 'helm', image: { digest } } : {}
    const found = async (flavor: string) => {
      const objects = await helm.template(chart, { ...base, monitoring: { flavor } })
      const { template } = specOf(find(objects, 'Deployment'))
      const isAnnotated = template.metadata.annotations?.['prometheus.io/scrape'] === 'true'
      return { isAnnotated, monitors: objects.filter(({ kind }) => kind?.endsWith('Monitor')) }
    }
    t.same(await found('annotations'), { isAnnotated: true, monitors: [] })
    const operator = await found('operator')
    t.match(operator, { isAnnotated: false, monitors: [{ apiVersion: 'monitoring.coreos.com/v1' }] })
    const azure = await found('azure')
    t.match(azure, {
      isAnnotated: false,
      monitors: [
        {
          apiVersion: 'azmonitoring.coreos.com/v1',
          spec: { labelLimit: 63, labelNameLengthLimit: 511, labelValueLengthLimit: 1023 },
        },
      ],
    })
    t.equal(operator.monitors.length + azure.monitors.length, 2)
  }
})

t.test('the charts have the monitors that stand beside the dashboards', async (t) => {
  for (const [flavor, folder] of [
    ['operator', 'kubernetes'],
    ['azure', 'azure'],
  ] as const) {
    const beside = (await watchManifests(folder)).filter(({ kind }) => kind?.endsWith('Monitor'))
    const rendered = await Promise.all(
      (['predictor', 'windlass'] as const).map((chart) => helm.template(chart, { monitoring: { flavor } })),
    )
    const monitors = rendered.flat().filter(({ kind }) => kind?.endsWith('Monitor'))
    const whatIsScraped = (objects: readonly Manifest[]) =>
      Object.fromEntries(
        objects.map((object) => {
          // In the charts they stand in the Namespace that they are of, and need not name it.
          const { namespaceSelector: _, ...spec } = object['spec'] as Values
          return [nameOf(object), { apiVersion: object.apiVersion, spec }]
        }),
      )
    t.strictSame(whatIsScraped(monitors), whatIsScraped(beside), flavor)
    t.equal(monitors.length, 2)
  }
})

t.test('the Prometheus operator finds the monitor by the labels that it is given', async (t) => {
  for (const name of [
    'the reconciler with the Prometheus operator and all that is optional',
    'the tenant with the Prometheus operator, Cilium and all that is optional',
  ]) {
    const objects = await rendered(name)
    const monitor = objects.find(({ kind }) => kind?.endsWith('Monitor'))
    t.match(monitor?.metadata?.labels, { release: 'kube-prometheus-stack' }, name)
  }
})

t.test('the Ingress has TLS where it is given a Secret, and the HTTPRoute lets out the same', async (t) => {
  const objects = await rendered(
    'the predictor by Helm with TLS, a route, the Prometheus operator and all that is optional',
  )
  const ingress = find(objects, 'Ingress')['spec'] as IngressSpec
  const route = find(objects, 'HTTPRoute')['spec'] as RouteSpec

  t.match(ingress, {
    ingressClassName: 'webapprouting.kubernetes.azure.com',
    tls: [{ hosts: ['predictor.contoso.com'], secretName: 'predictor-tls' }],
    rules: [{ host: 'predictor.contoso.com' }],
  })
  t.match(route, { hostnames: ['predictor.contoso.com'], rules: [{ backendRefs: [{ name: 'predictor', port: 80 }] }] })
  const routed = route.rules[0].matches.map(({ path }) => [path.value, path.type.replace('Path', '')])
  t.same(
    routed,
    ingress.rules[0].http.paths.map(({ path, pathType }) => [path, pathType]),
  )
  t.ok(routed.length > 0)
})

t.test('the Gateway takes the place of the Ingress where that is off', async (t) => {
  const objects = await rendered('the predictor by Helm with a route alone, Azure Monitor and Cilium')
  const names = new Set(objects.map(nameOf))

  t.ok(names.has('HTTPRoute/predictor'))
  t.notOk(names.has('Ingress/predictor'))
})

t.test('a policy has one form and not two', async (t) => {
  for (const [chart, base] of [
    ['windlass', {}],
    ['predictor', { deliveredBy: 'helm', image: { digest } }],
  ] as const) {
    const policies = async (flavor: string) =>
      (await helm.template(chart, { ...base, networkPolicy: { flavor } }))
        .map(({ kind = '' }) => kind)
        .filter((kind) => kind.endsWith('NetworkPolicy'))
    t.same(await policies('kubernetes'), ['NetworkPolicy'])
    t.same(await policies('cilium'), ['CiliumNetworkPolicy'])
    t.same(await policies('none'), [])
  }
})

t.test('a release by Helm that is to be handed over keeps all that it delivered', async (t) => {
  const objects = await helm.template('predictor', { deliveredBy: 'helm', image: { digest }, keep: true })
  const kept = objects.filter(({ metadata }) => metadata?.annotations?.['helm.sh/resource-policy'] === 'keep')

  t.same(kept.map(nameOf), objects.map(nameOf))
})

t.test('the tenant lets a release hold a route only where it has one', async (t) => {
  const mayRoute = async (enabled: boolean) =>
    JSON.stringify(
      find(await helm.template('predictor', { httpRoute: { enabled } }), 'Role/predictor-deployer'),
    ).includes('httproutes')
  t.ok(await mayRoute(true))
  t.notOk(await mayRoute(false))
})

t.test('a release goes to the Namespace that Helm is told, and to no other', async (t) => {
  // As good a name as any, and a number where it is not quoted.
  const elsewhere = '2026'
  for (const { name, chart, values } of renderings) {
    const found = (await helm.template(chart, values, elsewhere)).flatMap(({ kind, metadata }) =>
      kind === 'Namespace' ? [metadata?.name] : metadata?.namespace === undefined ? [] : [metadata.namespace],
    )
    t.strictSame([...new Set(found)], [elsewhere], name)
  }
})

interface IngressSpec {
  readonly rules: readonly [
    { readonly http: { readonly paths: ReadonlyArray<{ readonly path: string; readonly pathType: string }> } },
  ]
}

interface RouteSpec {
  readonly rules: readonly [
    { readonly matches: ReadonlyArray<{ readonly path: { readonly type: string; readonly value: string } }> },
  ]
}

interface DeploymentSpec {
  readonly template: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } }
}

function rendered(name: string): Promise<readonly Manifest[]> {
  const { chart, values } = renderingNamed(name)
  return helm.template(chart, values)
}

/** By its kind, or by kind and name where there are more of them. */
function find(objects: readonly Manifest[], what: string): Manifest {
  const found = objects.filter((object) => object.kind === what || nameOf(object) === what)
  const [object] = found
  if (object === undefined || found.length > 1) throw new Error(`${found.length} objects are ${what}`)
  return object
}

function specOf(deployment: Manifest): DeploymentSpec {
  return deployment['spec'] as DeploymentSpec
}
