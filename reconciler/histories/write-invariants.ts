/** When and by whom what may be written: invariants 4, 6, 7, 10 and 11, and that nothing escapes. */
import { apiVersion } from '../src/api/delivery.ts'
import { namespace } from './cluster.ts'
import { releaseIn, writtenRelease, type Invariant } from './invariant.ts'
import { repositoryName } from './repository.ts'

export const nothingAgainstPause: Invariant = {
  sentence: '4: no object is written by one who has been told that it must not be',
  watch: () => (occurrence) =>
    occurrence.kind === 'object' && occurrence.isPauseTold && !occurrence.isLate
      ? `${occurrence.verb} of ${occurrence.object.kind} ${occurrence.object.metadata.name}`
      : undefined,
}

export const pauseHolds: Invariant = {
  sentence: '4: from Paused=True for a pause of all until its end no object is written',
  watch() {
    let isHeld = false
    return (occurrence) => {
      if (occurrence.kind === 'looked' && !occurrence.isPaused) isHeld = false
      if (occurrence.kind === 'status' && occurrence.isPauseTold) {
        const { conditions = [] } = occurrence.delivery.status ?? {}
        isHeld ||= conditions.some(({ type, status }) => type === 'Paused' && status === 'True')
      }
      if (occurrence.kind !== 'object' || occurrence.isLate || !isHeld) return undefined
      return `${occurrence.verb} of ${occurrence.object.kind} ${occurrence.object.metadata.name} by ${occurrence.by.epoch}`
    }
  },
}

export const planIsClaimed: Invariant = {
  sentence: '6: no process writes an object but after a write of status of its own, with none of another in between',
  watch() {
    let last: number | undefined
    return (occurrence) => {
      if (occurrence.kind === 'status') {
        last = occurrence.by.epoch
        return undefined
      }
      if (occurrence.kind !== 'object' || occurrence.isLate) return undefined
      // A deletion deletes what it lists, by uid and version, whoever does it.
      if (occurrence.delivery?.metadata.deletionTimestamp !== undefined) return undefined
      const { by, verb, object, delivery } = occurrence
      if (last !== by.epoch) return `${verb} of ${object.kind} by ${by.epoch}, status was last written by ${last}`
      const epoch = delivery?.status?.rollout?.leaseEpoch
      return epoch === undefined || epoch === by.epoch ? undefined : `the rollout is that of epoch ${epoch}`
    }
  },
}

export const writtenAhead: Invariant = {
  sentence: '7: an object is applied only of the release that status names, and is in the inventory before',
  watch() {
    let isLost = false
    return (occurrence) => {
      if (occurrence.kind === 'statusLost') isLost = true
      if (occurrence.kind === 'status') isLost = false
      if (occurrence.kind !== 'object' || occurrence.isLate || isLost) return undefined
      const { verb, object, delivery } = occurrence
      // One that is gone without a finalizer orphans what it delivered: what was begun may go on until its watch, which
      // may be silent, tells of that. And what goes with its Delivery may be known by its mark alone.
      if (delivery === undefined || delivery.metadata.deletionTimestamp !== undefined) return undefined
      const { status = {} } = delivery
      const what = `${verb} of ${object.kind} ${object.metadata.name}`
      const entry = status.inventory?.find(({ kind, name }) => kind === object.kind && name === object.metadata.name)
      if (entry === undefined) return `${what}, which the inventory does not hold`
      if (verb === 'delete') return undefined
      const release = writtenRelease(status)
      const { bundle } = releaseIn(object)
      return bundle === release?.bundleDigest
        ? undefined
        : `${what} of ${bundle}, status names ${release?.bundleDigest}`
    }
  },
}

export const prunesItsOwn: Invariant = {
  sentence: '7: what is deleted is no longer of the release that runs, or goes with its Delivery',
  watch: () => (occurrence) => {
    if (occurrence.kind !== 'object' || occurrence.verb !== 'delete' || occurrence.isLate) return undefined
    const { object, delivery } = occurrence
    if (delivery?.metadata.deletionTimestamp !== undefined) return undefined
    const { inventory = [], rollout } = delivery?.status ?? {}
    const entry = inventory.find(({ kind, name }) => kind === object.kind && name === object.metadata.name)
    if (entry?.stale === true && rollout?.phase === 'Pruning') return undefined
    return `${object.kind} ${object.metadata.name} was deleted`
  },
}

export const boundedByTenant: Invariant = {
  sentence: '10: objects are read and written as the account of the Delivery, in its namespace',
  watch: () => (occurrence) => {
    if (occurrence.kind !== 'object' && occurrence.kind !== 'asked') return undefined
    const { tenant } = occurrence
    const isOwn = tenant.namespace === namespace && tenant.serviceAccountName === 'deployer'
    if (!isOwn) return `as ${tenant.namespace}/${tenant.serviceAccountName}`
    if (occurrence.kind === 'asked') return undefined
    const { object } = occurrence
    if (object.apiVersion === apiVersion || object.kind === 'Secret') return `a ${object.kind} was written`
    return object.metadata.namespace === namespace ? undefined : `${object.kind} in ${object.metadata.namespace}`
  },
}

export const onlyItsRegistry: Invariant = {
  sentence: '11: no registry is asked for anything but the repository that the Delivery names',
  watch: () => (occurrence) =>
    occurrence.kind === 'lookedUp' && occurrence.repository !== repositoryName ? occurrence.repository : undefined,
}

export const nothingEscapes: Invariant = {
  sentence: 'nothing escapes as a bug',
  watch: () => (occurrence) =>
    occurrence.kind === 'bug'
      ? String(occurrence.error instanceof Error ? occurrence.error.stack : occurrence.error)
      : undefined,
}
