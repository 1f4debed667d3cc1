import type { Manifest } from '../install.ts'
import { confined, confinedPod, localDeployment, localLabels, localServiceAccount } from '../local-service.ts'
import { platform } from '../backend.ts'
import { containerPorts, nodePorts } from './ports.ts'
import { controllerName } from './routing.ts'

export const ingressNamespace = 'ingress-local'
/** Of the Deployment, and as `app.kubernetes.io/name` of its pod, which NetworkPolicies select. */
export const ingressName = 'ingress-local'
export const ingressClassName = 'local-haproxy'

export interface IngressManifestOptions {
  /** With HAProxy, Node.js and `main.ts` of this folder in it. */
  readonly image: string
  /** Serve TLS on the node's port 8443; lets the controller read the cluster's TLS Secrets. */
  readonly tls?: boolean
}

/** All that is applied, in order. */
export function ingressManifests({ image, tls = false }: IngressManifestOptions): readonly Manifest[] {
  const service = { name: ingressName, namespace: ingressNamespace }
  return [
    ...localServiceAccount({
      ...service,
      clusterRole: 'windlass-local-ingress',
      rules: [
        { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingressclasses'], verbs: ['list', 'watch'] },
        { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['patch'] },
        { apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] },
        ...(tls ? [{ apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch'] }] : []),
      ],
    }),
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: {
        name: ingressClassName,
        labels,
        // The API server gives it to Ingresses that name none.
        annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' },
      },
      spec: { controller: controllerName },
    },
    localDeployment(service, podTemplate(image, tls)),
  ]
}

const labels = localLabels(ingressName)
const runtimeDirectory = '/run/haproxy'

function podTemplate(image: string, tls: boolean): object {
  // HAProxy starts with its first configuration, so that one that answers has heard of every Ingress.
  const probe = { httpGet: { port: 'admin', path: '/healthz' } }
  return {
    metadata: {
      labels,
      annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': `${containerPorts.admin}` },
    },
    spec: {
      serviceAccountName: ingressName,
      enableServiceLinks: false,
      securityContext: confinedPod,
      containers: [
        {
          name: ingressName,
          image,
          env: [
            { name: 'NODE_ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
            { name: 'RUNTIME_DIRECTORY', value: runtimeDirectory },
            { name: 'SERVE_TLS', value: `${tls}` },
          ],
          ports: [
            { name: 'http', containerPort: containerPorts.http, hostPort: platform.ingressPort },
            ...(tls ? [{ name: 'https', containerPort: containerPorts.https, hostPort: nodePorts.https }] : []),
            { name: 'admin', containerPort: containerPorts.admin },
          ],
          startupProbe: { ...probe, periodSeconds: 1, failureThreshold: 60 },
          readinessProbe: { ...probe, periodSeconds: 2 },
          livenessProbe: { ...probe, periodSeconds: 10, failureThreshold: 6 },
          resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '384Mi' } },
          securityContext: confined,
          volumeMounts: [{ name: 'runtime', mountPath: runtimeDirectory }],
        },
      ],
      // In memory, for the keys of certificates are in it.
      volumes: [{ name: 'runtime', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } }],
    },
  }
}
