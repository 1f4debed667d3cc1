/** A Lease (coordination.k8s.io/v1) as a register that only its last reader may write: resourceVersion is compared. */
import { refusedError, type Answer, type KubeClient } from './client.ts'
import type { KubeObject } from './ports.ts'

export interface Lease extends KubeObject {
  readonly spec: LeaseSpec
}

export interface LeaseSpec {
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly leaseTransitions?: number
  readonly acquireTime?: string
  readonly renewTime?: string
}

export interface LeaseStoreOptions {
  readonly client: KubeClient
  readonly namespace: string
  readonly name: string
  readonly timeoutMs: number
}

/** Throws AppError. */
export interface LeaseStore {
  /** The path and field selector by which this lease alone is watched. */
  readonly watched: { readonly path: string; readonly fieldSelector: string }
  read(signal: AbortSignal): Promise<Lease | undefined>
  /** Creates it where `lease` is undefined. Undefined where it is another one by now, or gone. */
  write(lease: Lease | undefined, spec: LeaseSpec, signal: AbortSignal): Promise<Lease | undefined>
}

export function createLeaseStore({ client, namespace, name, timeoutMs }: LeaseStoreOptions): LeaseStore {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`
  const path = `${collection}/${encodeURIComponent(name)}`
  const read = { method: 'GET', path, what: `read Lease ${namespace}/${name}` } as const
  const replace = { method: 'PUT', path, what: `write Lease ${namespace}/${name}` } as const
  const create = { ...replace, method: 'POST', path: collection } as const

  async function send(
    request: typeof read | typeof replace | typeof create,
    isNone: (code: number) => boolean,
    signal: AbortSignal,
    lease?: object,
  ): Promise<Lease | undefined> {
    const full = { ...request, ...(lease !== undefined && { body: lease }), timeoutMs, lane: 'lease', signal } as const
    const answer: Answer<Lease> = await client.send<Lease>(full)
    if (answer.ok) return answer.body
    if (isNone(answer.refusal.code)) return undefined
    throw refusedError(answer.refusal, full)
  }

  return {
    watched: { path: collection, fieldSelector: `metadata.name=${name}` },
    read: (signal) => send(read, (code) => code === 404, signal),
    write: (lease, spec, signal) =>
      lease === undefined
        ? send(create, (code) => code === 409, signal, { metadata: { name }, spec })
        : send(replace, (code) => code === 409 || code === 404, signal, { ...lease, spec }),
  }
}
