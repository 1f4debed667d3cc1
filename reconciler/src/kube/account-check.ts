import { AppError } from '../core/errors.ts'
import { refusedError, type KubeClient } from './client.ts'
import type { KubeObject, ObjectStore, Tenant } from './ports.ts'

/**
 * The same store, but where an account lacks rights it is looked up, as the reconciler itself, whether there is such an
 * account: the API server lets one be impersonated that does not exist, and then it has no rights.
 */
export function explainMissingAccounts(store: ObjectStore, client: KubeClient): ObjectStore {
  async function explained<T>(work: Promise<T>, tenant: Tenant, signal: AbortSignal): Promise<T> {
    try {
      return await work
    } catch (error) {
      const isRights = error instanceof AppError && error.reason === 'Impersonation'
      if (!isRights || (await exists(client, tenant, signal))) throw error
      const message = `there is no ServiceAccount ${tenant.namespace}/${tenant.serviceAccountName}; create it with its Role`
      throw new AppError({ kind: 'waiting', reason: 'ServiceAccountNotFound', message, cause: error })
    }
  }
  return {
    get: (reference, tenant, signal) => explained(store.get(reference, tenant, signal), tenant, signal),
    apply: (object, options) => explained(store.apply(object, options), options.tenant, options.signal),
    readAhead: (references, tenant, signal) => store.readAhead(references, tenant, signal),
    dryRunAll: (objects, options) => explained(store.dryRunAll(objects, options), options.tenant, options.signal),
    autoscalers: (tenant, signal) => explained(store.autoscalers(tenant, signal), tenant, signal),
    podsOf: (workload, tenant, signal) => explained(store.podsOf(workload, tenant, signal), tenant, signal),
    remove: (object, tenant, signal) => explained(store.remove(object, tenant, signal), tenant, signal),
  }
}

/** By a list, for that right we have anyway. */
async function exists(client: KubeClient, tenant: Tenant, signal: AbortSignal): Promise<boolean> {
  const { namespace, serviceAccountName } = tenant
  const request = {
    method: 'GET',
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts`,
    query: { fieldSelector: `metadata.name=${serviceAccountName}`, limit: 1 },
    accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    what: `look up ServiceAccount ${namespace}/${serviceAccountName}`,
    signal,
  } as const
  const answer = await client.send<{ readonly items: readonly KubeObject[] | null }>(request)
  if (!answer.ok) throw refusedError(answer.refusal, request)
  return (answer.body.items ?? []).length > 0
}
