import type { Manifest } from '../install.ts'
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
  const namespace = ingressNamespace
  const metadata = { name: ingressName, namespace, labels }
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: {
          // A hostPort is above what `baseline` allows; all else would pass `restricted`.
          'pod-security.kubernetes.io/enforce': 'privileged',
          'pod-security.kubernetes.io/warn': 'privileged',
        },
      },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: clusterRole, labels },
      rules: [
        { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingressclasses'], verbs: ['list', 'watch'] },
        { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['patch'] },
        { apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] },
        ...(tls ? [{ apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch'] }] : []),
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: clusterRole, labels },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole },
      subjects: [{ kind: 'ServiceAccount', name: ingressName, namespace }],
    },
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
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: 1,
        // One pod at a time can have the node's ports.
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: podTemplate(image, tls),
      },
    },
  ]
}

const labels = { 'app.kubernetes.io/name': ingressName, 'app.kubernetes.io/part-of': 'windlass-local' }
const clusterRole = 'windlass-local-ingress'
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
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        fsGroup: 65532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
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
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [{ name: 'runtime', mountPath: runtimeDirectory }],
        },
      ],
      // In memory, for the keys of certificates are in it.
      volumes: [{ name: 'runtime', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } }],
    },
  }
}
