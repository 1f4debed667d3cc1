/** What the releases of tests hold: the predictor's manifests, around a container that is quick to start. */
import type { KubeObject } from '../src/kube/ports.ts'
import { imageOf } from './test-releases.ts'

interface Workload extends KubeObject {
  readonly spec: {
    readonly template: { readonly spec: { readonly volumes?: ReadonlyArray<{ readonly name: string }> } }
  }
}

export interface Shape {
  readonly repository: string
  readonly script?: string
  /** In the place of a probe that always succeeds. */
  readonly probe?: readonly string[]
}

/** The object as it is, but a Deployment, whose container runs a line of shell; its rules for a rollout stay. */
export function withShell(object: KubeObject, { repository, script = sleep, probe }: Shape): KubeObject {
  if (object.kind !== 'Deployment') return object
  const { spec } = object as Workload
  const container = {
    name: 'predictor',
    image: imageOf(repository),
    args: ['sh', '-c', script],
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    // A volume that no container mounts is not waited for.
    volumeMounts: (spec.template.spec.volumes ?? []).map(({ name }) => ({ name, mountPath: `/${name}` })),
    readinessProbe: { exec: { command: probe ?? ['/busybox', 'true'] }, periodSeconds: 1 },
  }
  const podSpec = { ...spec.template.spec, terminationGracePeriodSeconds: 1, containers: [container] }
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: podSpec } } }
}

export function named(object: KubeObject, name: string): KubeObject {
  const labels = { app: name }
  const { spec } = object as Workload
  const template = { ...spec.template, metadata: { labels } }
  return { ...object, metadata: { name }, spec: { ...spec, selector: { matchLabels: labels }, template } }
}

export function withReplicas(object: KubeObject, replicas: number): KubeObject {
  return object.kind === 'Deployment' ? { ...object, spec: { ...(object['spec'] as object), replicas } } : object
}

/** Its pods wait for a ConfigMap that nobody makes. */
export function heldUp(object: KubeObject): KubeObject {
  const { spec } = object as Workload
  const volumes = [{ name: 'missing', configMap: { name: 'nobody-made-it' } }]
  const podSpec = { ...spec.template.spec, volumes }
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: podSpec } } }
}

const sleep = 'exec /busybox sleep 3600'

/** As much of the Gateway API's HTTPRoute as is needed for one to be there. */
export const routeDefinition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'httproutes.gateway.networking.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'unapproved, a stand-in for tests' },
  },
  spec: {
    group: 'gateway.networking.k8s.io',
    scope: 'Namespaced',
    names: { plural: 'httproutes', singular: 'httproute', kind: 'HTTPRoute', listKind: 'HTTPRouteList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}

export const route: KubeObject = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'predictor' },
  spec: { hostnames: ['routes.windlass.test'] },
}
