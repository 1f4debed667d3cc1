import type { V1Deployment, V2HorizontalPodAutoscaler } from '@kubernetes/client-node'
import t from 'tap'
import { nameOf, rawManifests } from './raw-manifests.ts'

const objects = await rawManifests('predictor/operator', 'predictor/release', 'reconciler')
const deployments: readonly V1Deployment[] = find('Deployment', ['predictor', 'windlass'])

t.test(
  "what AKS's deployment safeguards would add or raise is there already, so that they change nothing",
  async (t) => {
    for (const { metadata: { name = '' } = {}, spec } of deployments) {
      const { selector, template } = spec as NonNullable<V1Deployment['spec']>
      const { containers = [], topologySpreadConstraints = [] } = template.spec ?? {}
      t.same(
        topologySpreadConstraints.map(({ topologyKey }) => topologyKey).toSorted(),
        ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'],
        name,
      )
      for (const { labelSelector } of topologySpreadConstraints)
        t.same(labelSelector, selector, 'its own pods are spread')
      for (const { resources, readinessProbe, livenessProbe } of containers) {
        const { cpu = '', memory = '' } = resources?.requests ?? {}
        t.ok(Number(/^(\d+)m$/.exec(cpu)?.[1]) >= 100, `cpu: ${cpu}`)
        t.ok(Number(/^(\d+)Mi$/.exec(memory)?.[1]) >= 100, `memory: ${memory}`)
        t.ok(readinessProbe?.httpGet?.path && livenessProbe?.httpGet?.path)
        t.not(readinessProbe?.httpGet?.path, livenessProbe?.httpGet?.path, 'the probes differ')
      }
    }
  },
)

t.test('a rollout takes none away before another is there', async (t) => {
  for (const { metadata: { name = '' } = {}, spec } of deployments) {
    t.match(spec?.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }, name)
  }
})

t.test('every Namespace enforces the restricted level, audits it and warns of it', async (t) => {
  for (const { metadata: { name = '', labels } = {} } of find('Namespace', ['predictor', 'windlass-system'])) {
    for (const mode of ['enforce', 'audit', 'warn']) {
      const label = `pod-security.kubernetes.io/${mode}`
      t.match(labels, { [label]: 'restricted', [`${label}-version`]: 'latest' }, name)
    }
  }
})

t.test('no pod of the predictor has a token, and nobody else has one of the accounts there', async (t) => {
  for (const account of find('ServiceAccount', ['predictor-deployer', 'predictor'])) {
    t.equal(account['automountServiceAccountToken'], false, nameOf(account))
  }
  t.equal(deployments[0]?.spec?.template.spec?.automountServiceAccountToken, false)
})

t.test('the predictor is scaled by its use of processors, up at once and down slowly', async (t) => {
  const [found] = find('HorizontalPodAutoscaler', ['predictor'])
  const autoscaler = found as unknown as V2HorizontalPodAutoscaler
  t.match(autoscaler, {
    apiVersion: 'autoscaling/v2',
    spec: {
      scaleTargetRef: { kind: 'Deployment', name: 'predictor' },
      minReplicas: 2,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }],
    },
  })
  const { scaleUp, scaleDown } = autoscaler.spec?.behavior ?? {}
  t.ok((scaleUp?.stabilizationWindowSeconds ?? Infinity) < (scaleDown?.stabilizationWindowSeconds ?? 0))
  t.equal(deployments[0]?.spec?.replicas, undefined, "how many there are is the autoscaler's to say")
})

/** One for each name, in that order. */
function find(kind: string, names: readonly string[]): readonly (typeof objects)[number][] {
  return names.map((name) => {
    const found = objects.find((object) => nameOf(object) === `${kind}/${name}`)
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
    return found
  })
}
