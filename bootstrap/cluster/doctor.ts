import type { Delivery } from '../../reconciler/src/api/delivery.ts'
import type { Reason } from '../../reconciler/src/api/reasons.ts'
import { reconcilerDeployment } from './reconciler.ts'

/** Reads an object or a list as `kubectl get … --output json` prints it; undefined where it is not there. */
export type Ask = <Answer>(command: string, namespace?: string) => Promise<Answer | undefined>

/** What was found of one part of the platform. */
export interface Diagnosis {
  readonly what: string
  /** `waits`: nothing is wrong, but something has still to come. */
  readonly state: 'well' | 'waits' | 'ill'
  /** How it stands, in words; where it is ill also what to do. */
  readonly detail: string
}

/** Looks at the platform as a person would who asks whether it can release: nodes, reconciler, identity, Delivery, Ingress. */
export async function diagnose(ask: Ask): Promise<readonly Diagnosis[]> {
  return [
    await lookAtNodes(ask),
    await lookAtReconciler(ask),
    await lookAtLeader(ask),
    await lookAtIdentity(ask),
    await lookAtDelivery(ask),
    await lookAtIngress(ask),
  ]
}

interface Conditions {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[]
}

interface List<Item> {
  readonly items: readonly Item[]
}

async function lookAtNodes(ask: Ask): Promise<Diagnosis> {
  const what = 'nodes'
  const nodes = (await ask<List<{ readonly status?: Conditions }>>('get nodes'))?.items ?? []
  const ready = nodes.filter(({ status }) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  )
  const detail = `${ready.length} of ${nodes.length} are ready`
  if (ready.length > 0 && ready.length === nodes.length) return { what, state: 'well', detail }
  return { what, state: 'ill', detail: `${detail}; kubectl describe nodes says why` }
}

async function lookAtReconciler(ask: Ask): Promise<Diagnosis> {
  const what = 'reconciler'
  const { namespace, name } = reconcilerDeployment
  const deployment = await ask<{ spec: { replicas: number }; status?: { availableReplicas?: number } }>(
    `get deployment ${name}`,
    namespace,
  )
  const [wanted, available] = [deployment?.spec.replicas ?? 0, deployment?.status?.availableReplicas ?? 0]
  const detail = `${available} of ${wanted} replicas are available`
  if (wanted > 0 && available >= wanted) return { what, state: 'well', detail }
  return { what, state: 'ill', detail: `${detail}: docs/operations.md, When the reconciler is down` }
}

const leaseIsOldAfterMs = 60_000

async function lookAtLeader(ask: Ask): Promise<Diagnosis> {
  const what = 'leader'
  const { namespace, name } = reconcilerDeployment
  const lease = await ask<{ spec?: { holderIdentity?: string; renewTime?: string } }>(`get lease ${name}`, namespace)
  const { holderIdentity = '', renewTime } = lease?.spec ?? {}
  const age = renewTime === undefined ? Infinity : Date.now() - Date.parse(renewTime)
  if (holderIdentity !== '' && age < leaseIsOldAfterMs) return { what, state: 'well', detail: holderIdentity }
  const detail = `no pod holds the Lease ${namespace}/${name}: kubectl --namespace ${namespace} logs deployment/${name}`
  return { what, state: 'ill', detail }
}

interface Pod {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly containers: readonly { readonly env?: readonly { readonly name: string }[] }[] }
}

/** https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html */
async function lookAtIdentity(ask: Ask): Promise<Diagnosis> {
  const what = 'identity'
  const { namespace, name } = reconcilerDeployment
  const pods = (await ask<List<Pod>>(`get pods --selector app.kubernetes.io/name=${name}`, namespace))?.items ?? []
  const without = pods.filter(
    ({ spec }) => !spec.containers.some(({ env }) => env?.some((key) => key.name === 'AZURE_FEDERATED_TOKEN_FILE')),
  )
  if (pods.length > 0 && without.length === 0)
    return { what, state: 'well', detail: 'the pods have a token to exchange' }
  const detail =
    'pods have no AZURE_FEDERATED_TOKEN_FILE: the webhook of workload identity did not see them; ' +
    `kubectl --namespace ${namespace} rollout restart deployment/${name}`
  return { what, state: 'ill', detail }
}

/** Nothing is wrong while the Delivery says one of these. */
const waitingReasons: readonly Reason[] = [
  'WaitingForFirstTag',
  'RepositoryNotFound',
  'BundlePending',
  'Progressing',
  'Applying',
  'RolloutProgressing',
]

async function lookAtDelivery(ask: Ask): Promise<Diagnosis> {
  const what = 'Delivery predictor/predictor'
  const delivery = await ask<Delivery>('get delivery predictor', 'predictor')
  const ready = delivery?.status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready === undefined) return { what, state: 'ill', detail: 'the reconciler said nothing of it yet' }
  const detail = `${ready.reason}: ${ready.message}`
  if (ready.status === 'True') return { what, state: 'well', detail }
  if (waitingReasons.some((reason) => reason === ready.reason)) return { what, state: 'waits', detail }
  return { what, state: 'ill', detail: `${detail} (docs/operations.md#${ready.reason.toLowerCase()})` }
}

interface Ingress {
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { ip?: string; hostname?: string }[] } }
}

async function lookAtIngress(ask: Ask): Promise<Diagnosis> {
  const what = 'Ingress of the predictor'
  const ingress = await ask<Ingress>('get ingress predictor', 'predictor')
  if (ingress === undefined) return { what, state: 'waits', detail: 'it comes with the first release' }
  const [address] = ingress.status?.loadBalancer?.ingress ?? []
  const at = address?.ip ?? address?.hostname
  if (at === undefined) return { what, state: 'waits', detail: 'it has no address yet' }
  return { what, state: 'well', detail: `at ${at}` }
}
