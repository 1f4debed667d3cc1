import type { KubeObject } from '../api/object.ts'

/** Where the number of replicas stands in a set of fields. */
export const replicasPath = ['f:spec', 'f:replicas'] as const

/** Kinds of a release that an autoscaler may target. */
const scalableKinds: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet'])

export function isScalable({ kind }: Pick<KubeObject, 'kind'>): boolean {
  return scalableKinds.has(kind)
}
