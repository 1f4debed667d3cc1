/** The image that live objects name, against the one that a release would give them. */
import type { KubeObject } from '../api/object.ts'
import { parseImageReference, type ImageReference, type Repository } from './image-reference.ts'
import { findPodSpec } from './pod-spec.ts'

export interface ContainerImage {
  readonly container: string
  /** As it is written there. */
  readonly text: string
  readonly reference: ImageReference
}

export interface RunningImage {
  readonly text: string
  readonly tag?: string
  readonly digest?: string
}

/** The containers of a workload that use that very repository, host included. */
export function imagesOf(object: KubeObject, { registry, repository }: Repository): readonly ContainerImage[] {
  const podSpec = findPodSpec(object.kind, object)
  const containers = [...listOf(podSpec?.['containers']), ...listOf(podSpec?.['initContainers'])]
  return containers.flatMap(({ name, image }) => {
    if (typeof name !== 'string' || typeof image !== 'string') return []
    const parsed = parseImageReference(image)
    if (parsed.kind === 'invalid') return []
    const { value: reference } = parsed
    const isOfRepository = reference.registry === registry && reference.repository === repository
    return isOfRepository ? [{ container: name, text: image, reference }] : []
  })
}

/** The one image of the repository that all these objects name; undefined where they name several, or none. */
export function commonImage(objects: readonly KubeObject[], repository: Repository): RunningImage | undefined {
  const images = objects.flatMap((object) => imagesOf(object, repository))
  const [first] = images
  if (first === undefined || images.some(({ text }) => text !== first.text)) return undefined
  const { tag, digest } = first.reference
  return { text: first.text, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) }
}

/** Whether all pods, of which there must be some, run that digest in every container that uses the repository. */
export function allRun(pods: readonly KubeObject[], workload: KubeObject, repository: Repository, digest: string) {
  const containers = new Set(imagesOf(workload, repository).map(({ container }) => container))
  return pods.length > 0 && pods.every((pod) => runs(pod, containers, digest))
}

/** Kubelets write what was pulled as `REPOSITORY@DIGEST`, some with a scheme before it. */
function runs({ status }: KubeObject, containers: ReadonlySet<string>, digest: string): boolean {
  const { containerStatuses, initContainerStatuses } = (status ?? {}) as Readonly<Record<string, unknown>>
  const statuses = [...listOf(containerStatuses), ...listOf(initContainerStatuses)]
  return [...containers].every((container) => {
    const { imageID } = statuses.find(({ name }) => name === container) ?? {}
    return typeof imageID === 'string' && imageID.endsWith(`@${digest}`)
  })
}

function listOf(value: unknown): ReadonlyArray<Readonly<Record<string, unknown>>> {
  return Array.isArray(value) ? value : []
}
