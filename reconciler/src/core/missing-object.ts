import type { Pod } from './pod.ts'
import { fields, list, text, type Fields } from './untyped.ts'

/** An object that a pod needs to start and that is not there, or lacks a key that the pod asks for. */
export interface MissingObject {
  readonly kind: string
  readonly name: string
  /** Where the object is there. */
  readonly key?: string
}

/** Read from what the kubelet and the API server say; undefined where they name none. */
export function findMissingObject(message: string, pod?: Pod): MissingObject | undefined {
  const inObject = /couldn't find key (?<key>\S+) in (?<kind>ConfigMap|Secret) [^/\s]+\/(?<name>\S+)/u.exec(message)
  if (inObject?.groups !== undefined) {
    const { kind = '', name = '', key = '' } = inObject.groups
    return { kind, name, key }
  }
  const absent = /\b(?<resource>configmap|secret|serviceaccount)s? "(?<name>[^"]+)" not found/iu.exec(message)
  if (absent?.groups !== undefined) {
    const { resource = '', name = '' } = absent.groups
    return { kind: kinds[resource.toLowerCase()] ?? resource, name }
  }
  const className = /no (?<kind>PriorityClass) with name (?<name>\S+) was found/u.exec(message)
  if (className?.groups !== undefined) return { kind: 'PriorityClass', name: className.groups['name'] ?? '' }
  const runtime = /RuntimeClass "(?<name>[^"]+)" not found/u.exec(message)
  if (runtime?.groups !== undefined) return { kind: 'RuntimeClass', name: runtime.groups['name'] ?? '' }
  return pod === undefined ? undefined : missingInVolume(message, pod)
}

const kinds: Readonly<Record<string, string>> = {
  configmap: 'ConfigMap',
  secret: 'Secret',
  serviceaccount: 'ServiceAccount',
}

/** The kubelet names the volume and the key: the object that the volume is made of stands in the pod. */
function missingInVolume(message: string, { object }: Pod): MissingObject | undefined {
  const found = /volume "(?<volume>[^"]+)".*references non-existent (?<what>config|secret) key: (?<key>\S+)/su.exec(
    message,
  )
  if (found?.groups === undefined) return undefined
  const { volume = '', what, key = '' } = found.groups
  const kind = what === 'config' ? 'ConfigMap' : 'Secret'
  const spec = list(fields(object['spec'])['volumes']).find(({ name }) => name === volume) ?? {}
  const source = sourcesOf(spec, kind).find((one) => list(one['items']).some((item) => item['key'] === key))
  const name = text(source?.['name'] ?? source?.['secretName'])
  return name === '' ? undefined : { kind, name, key }
}

function sourcesOf(volume: Fields, kind: 'ConfigMap' | 'Secret'): readonly Fields[] {
  const field = kind === 'ConfigMap' ? 'configMap' : 'secret'
  const projected = list(fields(volume['projected'])['sources'])
  return [volume, ...projected].map((one) => fields(one[field]))
}
