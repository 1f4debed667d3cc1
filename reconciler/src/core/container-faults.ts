import type { Reason } from '../api/reasons.ts'
import { findMissingObject } from './missing-object.ts'
import type { ContainerEnd, Pod, PodContainer } from './pod.ts'
import { classifyPull, pullDetail } from './pull-failure.ts'

/** What is wrong, whose fault that is, and whether it is so for good. */
export interface Finding {
  readonly fault: 'release' | 'environment'
  readonly reason: Reason
  readonly isFinal: boolean
  /** Without a word that a container wrote: Events carry it. */
  readonly detail: string
}

/** A release is let crash this often: what it needs may come up a little later than itself. */
export const maxRestarts = 3
/** One kill may be a spike. */
export const maxOutOfMemory = 2

/** Why a container does not start, or does not go on running; undefined where nothing is known against it. */
export function judgeContainer(container: PodContainer, pod: Pod, bundled: ReadonlySet<string>): Finding | undefined {
  return judgeWaiting(container, pod, bundled) ?? judgeEnds(container, pod)
}

/** What a message says is missing: the release's own fault where the release brings it. */
export function judgeMissing(message: string, pod: Pod | undefined, bundled: ReadonlySet<string>): Finding | undefined {
  const missing = findMissingObject(message, pod)
  if (missing === undefined) return undefined
  const { kind, name, key } = missing
  const detail = key === undefined ? `${kind}/${name} is not there` : `${kind}/${name} has no key ${key}`
  if (!bundled.has(`${kind}/${name}`)) return environment('ConfigMissing', detail)
  // It was written before the pods were: the node does not see it yet, or another hand deleted it.
  return key === undefined ? { ...ownFault('ConfigError', detail), isFinal: false } : ownFault('ConfigError', detail)
}

export function ownFault(reason: Reason, detail: string): Finding {
  return { fault: 'release', reason, isFinal: true, detail }
}

export function environment(reason: Reason, detail: string): Finding {
  return { fault: 'environment', reason, isFinal: false, detail }
}

/** https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go and ../container/sync_result.go */
function judgeWaiting(container: PodContainer, pod: Pod, bundled: ReadonlySet<string>): Finding | undefined {
  const { image, waiting } = container
  const { reason, message } = waiting
  switch (reason) {
    case 'InvalidImageName':
      return ownFault('ImageNameInvalid', `"${image}" is no image reference`)
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'ImageInspectError':
    case 'ErrImageNeverPull':
    case 'RegistryUnavailable':
    case 'SignatureValidationFailed': {
      const detail = `${image}: ${pullDetail(message) || reason}`
      return classifyPull(message) === 'notFound'
        ? ownFault('ImageNotFound', detail)
        : environment('ImagePullFailed', detail)
    }
    case 'CreateContainerConfigError':
    case 'CreateContainerError':
    case 'PreCreateHookError':
    case 'PreStartHookError':
      return judgeMissing(message, pod, bundled) ?? judgeCreation(message)
    default:
      return undefined
  }
}

/** The runtime could not create the container: of what is not known here the deadline decides. */
function judgeCreation(message: string): Finding | undefined {
  // The kubelet has only just begun.
  if (message.includes('services have not yet been read')) return undefined
  const detail = withoutPlace(message)
  if (troubleOfNode.test(message)) return environment('PodNotStarted', detail)
  const finding = ownFault('ConfigError', detail)
  return faultOfImage.test(message) ? finding : { ...finding, isFinal: false }
}

/** Without ` (pod: …, container: …)` at its end, which status tells anyway. */
function withoutPlace(message: string): string {
  const at = message.lastIndexOf(' (pod: ')
  const isPlace = at !== -1 && message.endsWith(')') && message.includes(', container: ', at)
  return isPlace ? message.slice(0, at) : message
}

const troubleOfNode =
  /deadline exceeded|failed to reserve container name|no space left on device|input\/output error|connection (?:refused|reset)|transport is closing/iu
const faultOfImage =
  /\bnon-root policy\b|\brunAsNonRoot\b|no command specified|unable to find (?:user|group) |no matching entries in passwd file/iu

function judgeEnds(container: PodContainer, pod: Pod): Finding | undefined {
  const { role, isReady, restarts, state, lastEnd } = container
  if (pod.isReady || isReady || lastEnd === undefined) return undefined
  // An init container that came to its end well may have been run again with its whole pod.
  if (role === 'init' && lastEnd.exitCode === 0) return undefined
  // The node lost sight of it: that is no end that it came to by itself.
  if (lastEnd.reason === 'ContainerStatusUnknown' || lastEnd.reason === 'Unknown') return undefined

  const ends = restarts + (state === 'terminated' ? 1 : 0)
  if (lastEnd.reason === 'OOMKilled' && ends >= maxOutOfMemory) {
    return ownFault('OutOfMemory', `ended ${ends} times, now killed for want of memory`)
  }
  if (restarts < maxRestarts) return undefined
  return ownFault('CrashLooping', `was started anew ${restarts} times; ${describeEnd(lastEnd)}`)
}

function describeEnd({ reason, exitCode, message }: ContainerEnd): string {
  // These are the runtime's words: the program had not begun to write any.
  if (reason === 'StartError' || reason === 'ContainerCannotRun') return `it could not be started: ${message}`
  return `it ended with exit code ${exitCode}`
}
