/** One object of each built-in kind that a release may hold, as a release would carry it, and a change of each. */
import { deliveryLabel, formatOwner, ownerAnnotation } from '../api/annotations.ts'
import type { KubeObject } from './ports.ts'

export interface Sample {
  readonly object: KubeObject
  /** A JSON merge patch of a field that the object sets. */
  readonly change: object
}

export function ownedBy(namespace: string, delivery: string, object: object): KubeObject {
  const { metadata, ...rest } = object as KubeObject
  return {
    ...rest,
    metadata: {
      ...metadata,
      namespace,
      labels: { ...metadata.labels, [deliveryLabel]: delivery },
      annotations: {
        ...metadata.annotations,
        [ownerAnnotation]: formatOwner({ namespace, name: delivery, uid: 'uid' }),
      },
    },
  }
}

export function configMap(namespace: string, name: string, data: object, delivery = 'web'): KubeObject {
  return ownedBy(namespace, delivery, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data })
}

export function deployment(namespace: string, name: string, image: string, spec: object = {}): KubeObject {
  return ownedBy(namespace, 'web', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas: 2, selector: { matchLabels: { app: name } }, template: podTemplate(name, image), ...spec },
  })
}

export function samples(namespace: string): readonly Sample[] {
  const sample = (apiVersion: string, kind: string, fields: object, change: object): Sample => ({
    object: ownedBy(namespace, 'web', { apiVersion, kind, metadata: { name: 'sample' }, ...fields }),
    change,
  })
  const matchLabels = { app: 'sample' }
  const template = podTemplate('sample', 'a:1')
  return [
    sample('v1', 'ConfigMap', { data: { a: '1' }, binaryData: { b: 'AA==' } }, { data: { a: '2' } }),
    sample(
      'v1',
      'PersistentVolumeClaim',
      { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } } },
      { metadata: { labels: { [deliveryLabel]: 'other' } } },
    ),
    sample(
      'v1',
      'Service',
      {
        spec: {
          selector: matchLabels,
          ports: [
            { name: 'tcp', port: 53, targetPort: 'dns' },
            { name: 'udp', port: 53, protocol: 'UDP' },
          ],
        },
      },
      { spec: { selector: { app: 'other' } } },
    ),
    sample(
      'v1',
      'ServiceAccount',
      { automountServiceAccountToken: false, imagePullSecrets: [{ name: 'b' }, { name: 'a' }] },
      { automountServiceAccountToken: true },
    ),
    sample('apps/v1', 'DaemonSet', { spec: { selector: { matchLabels }, template } }, image('b:2')),
    sample('apps/v1', 'Deployment', { spec: { replicas: 2, selector: { matchLabels }, template } }, image('b:2')),
    sample(
      'apps/v1',
      'StatefulSet',
      {
        spec: {
          serviceName: 'sample',
          selector: { matchLabels },
          template,
          volumeClaimTemplates: [
            {
              metadata: { name: 'disk' },
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
            },
          ],
        },
      },
      image('b:2'),
    ),
    sample(
      'autoscaling/v2',
      'HorizontalPodAutoscaler',
      {
        spec: {
          minReplicas: 2,
          maxReplicas: 4,
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'sample' },
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
          ],
        },
      },
      { spec: { maxReplicas: 9 } },
    ),
    sample(
      'batch/v1',
      'CronJob',
      {
        spec: {
          schedule: '*/5 * * * *',
          jobTemplate: {
            spec: {
              template: {
                spec: { ...template.spec, restartPolicy: 'Never', containers: [{ name: 'job', image: 'a:1' }] },
              },
            },
          },
        },
      },
      { spec: { schedule: '0 * * * *' } },
    ),
    sample(
      'networking.k8s.io/v1',
      'Ingress',
      {
        spec: {
          rules: [
            {
              host: 'a.test',
              http: {
                paths: [
                  { path: '/', pathType: 'Prefix', backend: { service: { name: 'sample', port: { number: 80 } } } },
                ],
              },
            },
          ],
        },
      },
      { spec: { rules: [{ host: 'b.test' }] } },
    ),
    sample(
      'networking.k8s.io/v1',
      'NetworkPolicy',
      {
        spec: {
          podSelector: { matchLabels },
          ingress: [{ ports: [{ port: 8080 }] }],
          policyTypes: ['Ingress', 'Egress'],
        },
      },
      { spec: { podSelector: { matchLabels: { app: 'other' } } } },
    ),
    sample(
      'policy/v1',
      'PodDisruptionBudget',
      { spec: { maxUnavailable: 1, selector: { matchLabels } } },
      { spec: { maxUnavailable: '50%' } },
    ),
  ]
}

function podTemplate(app: string, imageName: string) {
  return {
    metadata: { labels: { app } },
    spec: {
      // Fields that are set to nothing, quantities that the server writes otherwise, lists of every sort.
      securityContext: {},
      volumes: [{ name: 'tmp', emptyDir: {} }],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { app } },
        },
      ],
      containers: [
        {
          name: 'main',
          image: imageName,
          args: ['--a', '--b'],
          ports: [
            { containerPort: 53, protocol: 'UDP' },
            { containerPort: 53, protocol: 'TCP' },
          ],
          env: [{ name: 'A', value: '1' }],
          resources: { requests: { cpu: '1000m', memory: '1024Mi' }, limits: {} },
          readinessProbe: { httpGet: { path: '/', port: 8080 } },
          volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
          securityContext: { capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  }
}

/** A merge patch replaces the whole list, as a careless hand would. */
function image(name: string): object {
  return { spec: { template: { spec: { containers: [{ name: 'main', image: name }] } } } }
}
