import type { KubeObject } from '../api/object.ts'
import { isOurApply } from './owned-fields.ts'
import { fields } from './untyped.ts'

/**
 * Who paused a Deployment (`kubectl rollout pause`) whose release does not ask for that; undefined where nobody did.
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pausing-and-resuming-a-deployment
 */
export function pausedBy({ spec, metadata: { managedFields = [] } }: KubeObject): string | undefined {
  if (fields(spec)['paused'] !== true) return undefined
  const holders = managedFields.filter(({ fieldsV1 }) => 'f:paused' in fields(fieldsV1?.['f:spec']))
  if (holders.some(isOurApply)) return undefined
  return holders[0]?.manager ?? 'another hand'
}
