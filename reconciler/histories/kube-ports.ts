import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { findSupportedKind } from '../src/api/kinds.ts'
import type { KubeObject } from '../src/api/object.ts'
import { canonicalJson } from '../src/core/canonical-json.ts'
import { AppError } from '../src/core/errors.ts'
import { collectionPath } from '../src/kube/paths.ts'
import type { FinalizerWriter, ObjectStore, PodSource, SnapshotStore, StatusWriter, Tenant } from '../src/kube/ports.ts'
import { deliveriesPath, deliveryName, nameOf, namespacesPath } from './cluster.ts'
import type { Actor } from './occurrence.ts'
import { forbidsWrites } from './operator-pause.ts'
import type { Surroundings } from './surroundings.ts'
import type { WatchFeed } from './watch-feed.ts'
import type { Wire } from './wire.ts'

export interface KubeScope extends Surroundings {
  readonly actor: Actor
  readonly wire: Wire
  readonly feed: WatchFeed
}

export interface KubePorts {
  readonly objects: ObjectStore
  readonly statuses: StatusWriter
  readonly finalizers: FinalizerWriter
  readonly snapshots: SnapshotStore
  readonly pods: PodSource
}

/** The API server as one process sees it, through its wire. */
export function kubePorts(scope: KubeScope): KubePorts {
  return {
    objects: objectStore(scope),
    statuses: statusWriter(scope),
    finalizers: {
      write: async (delivery, isWanted, signal) =>
        scope.wire.call({ isWrite: true, signal }, () => scope.cluster.writeFinalizer(delivery, isWanted)),
    },
    snapshots: snapshotStore(scope),
    pods: podSource(scope),
  }
}

function objectStore(scope: KubeScope): ObjectStore {
  const { actor: by, wire, cluster, tell } = scope

  async function write<T>(
    verb: 'apply' | 'delete',
    object: KubeObject,
    options: { readonly tenant: Tenant; readonly signal: AbortSignal },
    effect: () => T,
  ): Promise<T> {
    const { tenant, signal } = options
    const isPauseTold = isToldPaused(scope, object)
    return wire.call({ isWrite: true, signal }, (isLate) => {
      const { delivery } = cluster
      const before = cluster.get(nameOf(object))
      const answer = effect()
      if (cluster.get(nameOf(object)) === undefined && before === undefined) return answer
      tell({ kind: 'object', by, verb, object, tenant, isLate, isPauseTold, delivery })
      return answer
    })
  }

  async function read<T>(tenant: Tenant, signal: AbortSignal, answer: () => T): Promise<T> {
    tell({ kind: 'asked', by, tenant })
    return wire.call({ isWrite: false, signal }, answer)
  }

  return {
    get: async (reference, tenant, signal) =>
      read(tenant, signal, () => cluster.get(`${reference.kind}/${reference.name}`)),
    // It saves time, of which there is none here.
    readAhead: () => new Map(),
    dryRunAll: async (objects, { tenant, signal }) =>
      read(tenant, signal, () =>
        objects.map((object) => {
          const live = cluster.get(nameOf(object))
          return { object, live, result: cluster.apply(object, { isDryRun: true, uid: live?.metadata.uid }) }
        }),
      ),
    apply: async (object, options) =>
      write('apply', object, options, () => cluster.apply(object, { uid: options.seen?.live?.metadata.uid })),
    autoscalers: async (tenant, signal) => read(tenant, signal, () => []),
    podsOf: async (_, tenant, signal) => read(tenant, signal, () => scope.workloads.pods()),
    async remove(object, tenant, signal) {
      const { uid, resourceVersion: version } = object.metadata
      return write('delete', object, { tenant, signal }, () => cluster.remove(nameOf(object), { uid, version }))
    },
  }
}

function statusWriter(scope: KubeScope): StatusWriter {
  const { actor: by, wire, cluster, tell } = scope
  return {
    async write(delivery, status, signal) {
      // As the adapter: nothing is sent where it is the same.
      if (isDeepStrictEqual(delivery.status, JSON.parse(JSON.stringify(status)))) return delivery
      const isPauseTold = isToldPaused(scope)
      return wire.call({ isWrite: true, signal }, () => {
        const before = cluster.delivery?.status ?? {}
        const written = cluster.writeStatus(delivery, status)
        tell({ kind: 'status', by, before, delivery: written, isPauseTold })
        return written
      })
    },
    async read(_, signal) {
      return wire.call({ isWrite: false, signal }, () => cluster.delivery)
    },
  }
}

/** By what the process's own watches have told it, not by what it made of that. */
function isToldPaused({ feed, clock }: KubeScope, object?: KubeObject): boolean {
  const supported = object && findSupportedKind(object.apiVersion, object.kind)
  const told = supported === undefined ? [] : feed.told(collectionPath(supported))
  return forbidsWrites(
    {
      delivery: feed.told(deliveriesPath).find(({ metadata }) => metadata.name === deliveryName),
      namespaces: feed.told(namespacesPath),
      object: told.find(({ metadata }) => metadata.name === object?.metadata.name),
    },
    clock.nowMs(),
  )
}

function snapshotStore({ wire, cluster }: KubeScope): SnapshotStore {
  return {
    async save(delivery, objects, signal) {
      const text = canonicalJson(objects)
      const hash = createHash('sha256').update(text).digest('hex')
      const name = `${delivery.metadata.name}-${hash.slice(0, 16)}`
      return wire.call({ isWrite: true, signal }, () => {
        if (cluster.refusesCopies) {
          throw new AppError({ kind: 'waiting', reason: 'ApiForbidden', message: 'exceeded quota' })
        }
        cluster.copies.set(name, text)
        return { name, hash }
      })
    },
    load: async (_, { name }, signal) =>
      wire.call({ isWrite: false, signal }, () => {
        const text = cluster.copies.get(name)
        return text === undefined ? undefined : (JSON.parse(text) as readonly KubeObject[])
      }),
    prune: async (_, keep, signal) =>
      wire.call({ isWrite: true, signal }, () => {
        const kept = new Set(keep.map(({ name }) => name))
        for (const name of cluster.copies.keys()) if (!kept.has(name)) cluster.copies.delete(name)
      }),
  }
}

function podSource({ wire, workloads }: KubeScope): PodSource {
  return {
    watchPods(_, __, onEvent, signal) {
      const stop = workloads.listen(() => {
        if (wire.isCut) return
        for (const object of workloads.pods()) onEvent({ type: 'modified', object })
      })
      signal.addEventListener('abort', stop, { once: true })
      return {
        synced: Promise.resolve(),
        problem: undefined,
        get: (name) => workloads.pods().find(({ metadata }) => metadata.name === name),
        list: () => workloads.pods(),
      }
    },
    replicaSets: async (_, __, signal) => wire.call({ isWrite: false, signal }, () => workloads.replicaSets()),
    warnings: async (_, __, signal) => wire.call({ isWrite: false, signal }, () => []),
    lastLog: async (_, __, signal) => wire.call({ isWrite: false, signal }, () => 'the last words'),
    remove: async (_, __, signal) => wire.call({ isWrite: true, signal }, () => false),
  }
}
