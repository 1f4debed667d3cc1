import { createHash } from 'node:crypto'
import type { Manifest } from '../install.ts'
import { confined, confinedPod, localDeployment, localLabels, localServiceAccount } from '../local-service.ts'
import { prometheusConfig } from './config.ts'

export const prometheusNamespace = 'monitoring'
export const prometheusName = 'prometheus'
/** Of the pod, and by `hostPort` of the node. */
export const prometheusPort = 9090

export interface PrometheusImages {
  readonly prometheus: string
  /** Where the server is in that image; as Debian has it, if not given. */
  readonly program?: string
  /** Runs `main.ts` of this folder. */
  readonly discovery: string
}

/** Rule files by their names, which end in `.rules.yaml`. */
export type RuleFiles = Readonly<Record<string, string>>

/** All that is applied, in order. */
export function prometheusManifests(images: PrometheusImages, rules: RuleFiles = {}): readonly Manifest[] {
  const service = { name: prometheusName, namespace: prometheusNamespace }
  const metadata = { ...service, labels }
  const config = { 'prometheus.yml': prometheusConfig(targetsFile, `${configDir}/*.rules.yaml`), ...rules }
  return [
    ...localServiceAccount({
      ...service,
      clusterRole: 'windlass-local-prometheus',
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }],
    }),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: config },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ name: 'http', port: prometheusPort, targetPort: 'http' }] },
    },
    localDeployment(service, podTemplate(images, config)),
  ]
}

export interface PrometheusArguments {
  readonly configFile: string
  readonly dataDir: string
  readonly address: string
}

export function prometheusArguments({ configFile, dataDir, address }: PrometheusArguments): readonly string[] {
  return [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${dataDir}`,
    '--storage.tsdb.retention.time=1d',
    '--storage.tsdb.retention.size=256MB',
    `--web.listen-address=${address}`,
  ]
}

const labels = localLabels(prometheusName)
const configDir = '/etc/prometheus'
const dataDir = '/prometheus'
const targetsDir = '/targets'
const targetsFile = `${targetsDir}/pods.json`

function podTemplate(images: PrometheusImages, config: RuleFiles): object {
  const probe = { port: 'http', path: '/-/ready' }
  return {
    metadata: {
      labels,
      annotations: {
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': `${prometheusPort}`,
        // A pod reads its configuration once, so a changed one is another pod.
        'windlass.dev/config-hash': createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 16),
      },
    },
    spec: {
      serviceAccountName: prometheusName,
      enableServiceLinks: false,
      securityContext: confinedPod,
      containers: [
        {
          name: prometheusName,
          image: images.prometheus,
          command: [images.program ?? '/usr/bin/prometheus'],
          args: prometheusArguments({
            configFile: `${configDir}/prometheus.yml`,
            dataDir,
            address: `:${prometheusPort}`,
          }),
          ports: [{ name: 'http', containerPort: prometheusPort, hostPort: prometheusPort }],
          readinessProbe: { httpGet: probe, periodSeconds: 1 },
          startupProbe: { httpGet: probe, periodSeconds: 1, failureThreshold: 60 },
          livenessProbe: { httpGet: { ...probe, path: '/-/healthy' }, periodSeconds: 10, failureThreshold: 6 },
          // Half of the limit is left to what is no Go heap: mapped blocks and the write-ahead log.
          env: [{ name: 'GOMEMLIMIT', value: '256MiB' }],
          resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
          securityContext: confined,
          volumeMounts: [
            { name: 'config', mountPath: configDir, readOnly: true },
            { name: 'targets', mountPath: targetsDir, readOnly: true },
            { name: 'data', mountPath: dataDir },
          ],
        },
        {
          name: 'discovery',
          image: images.discovery,
          env: [{ name: 'TARGETS_FILE', value: targetsFile }],
          resources: { requests: { cpu: '10m', memory: '96Mi' }, limits: { memory: '192Mi' } },
          securityContext: confined,
          volumeMounts: [{ name: 'targets', mountPath: targetsDir }],
        },
      ],
      volumes: [
        { name: 'config', configMap: { name: prometheusName } },
        { name: 'targets', emptyDir: { sizeLimit: '16Mi' } },
        { name: 'data', emptyDir: { sizeLimit: '1Gi' } },
      ],
    },
  }
}
