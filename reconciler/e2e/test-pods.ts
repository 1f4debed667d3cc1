/** Objects of which real pods are made, out of an image that is on the node. */
import { toolboxImage } from '../../bootstrap/local/native/testing.ts'

export interface PodShape {
  readonly containers: readonly object[]
  readonly [field: string]: unknown
}

/** A container that runs a line of shell; what else it is comes last. */
export function shell(script: string, more: object = {}): object {
  return { name: 'app', image: toolboxImage, imagePullPolicy: 'IfNotPresent', args: ['sh', '-c', script], ...more }
}

export const sound = shell('exec /busybox sleep 3600')

export function pod(...containers: readonly object[]): PodShape {
  return { containers }
}

export function deployment(spec: PodShape, more: object = {}): object {
  return workload('Deployment', spec, { progressDeadlineSeconds: 600, ...more })
}

export function statefulSet(spec: PodShape, more: object = {}): object {
  return workload('StatefulSet', spec, { serviceName: 'web', ...more })
}

export function daemonSet(spec: PodShape): object {
  return workload('DaemonSet', spec, {})
}

export function configMap(name: string, values: object): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: values }
}

function workload(kind: string, spec: PodShape, more: object): object {
  const labels = { app: 'web' }
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, ...spec },
      },
      ...more,
    },
  }
}
