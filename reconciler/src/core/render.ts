import { deliveryLabel, formatOwner, ownerAnnotation, type Owner } from '../api/annotations.ts'
import type { KubeObject } from '../api/object.ts'
import { isSameRepositoryPath, parseImageReference, printImageReference, type Repository } from './image-reference.ts'
import { podSpecPaths } from './pod-spec.ts'

export interface RenderOptions {
  /** The Delivery that owns what is rendered; its namespace is where everything goes. */
  readonly owner: Owner
  readonly repository: Repository
  readonly tag: string
  readonly digest: string
  /** The image as it is written where a container uses the repository, in place of tag and digest. */
  readonly image?: string
}

export type Rendering =
  | { readonly kind: 'rendered'; readonly objects: readonly KubeObject[] }
  | { readonly kind: 'refused'; readonly reason: 'ImageNotInManifests'; readonly message: string }

/**
 * The objects of a release as they are applied: in the Delivery's namespace, marked as its own, the image pinned as
 * `HOST/REPOSITORY:TAG@DIGEST` wherever a container uses its repository, in the order in which they are written.
 */
export function render(documents: readonly KubeObject[], options: RenderOptions): Rendering {
  const found: string[] = []
  let isUsed = false
  const { repository, tag, digest, image: given } = options
  const pinned = given ?? printImageReference({ ...repository, tag, digest })
  const pin = (image: string) => {
    found.push(image)
    const reference = parseImageReference(image)
    if (reference.kind === 'invalid' || !isSameRepositoryPath(reference.value, options.repository)) return image
    isUsed = true
    return pinned
  }

  const objects = documents.map((document) => withOwner(pinImages(document, pin), options.owner))
  if (!isUsed) return { kind: 'refused', reason: 'ImageNotInManifests', message: notFound(found, options) }
  return { kind: 'rendered', objects: inApplyOrder(objects) }
}

/** What others refer to comes first; what lets traffic in comes last. */
export function inApplyOrder(objects: readonly KubeObject[]): readonly KubeObject[] {
  const rank = ({ kind }: KubeObject) => {
    const index = applyOrder.indexOf(kind)
    return index < 0 ? applyOrder.indexOf('Deployment') : index
  }
  return [...objects].sort((a, b) => rank(a) - rank(b))
}

type Fields = Readonly<Record<string, unknown>>

const applyOrder = [
  'ServiceAccount',
  'NetworkPolicy',
  'ConfigMap',
  'PersistentVolumeClaim',
  'Service',
  'DaemonSet',
  'StatefulSet',
  'Deployment',
  'CronJob',
  'HorizontalPodAutoscaler',
  'PodDisruptionBudget',
  'Ingress',
  'HTTPRoute',
]

function pinImages(document: KubeObject, pin: (image: string) => string): KubeObject {
  const path = podSpecPaths.get(document.kind)
  if (path === undefined) return document
  return updateAt(document, path, (podSpec) => ({
    ...podSpec,
    ...pinContainers(podSpec, 'containers', pin),
    ...pinContainers(podSpec, 'initContainers', pin),
  })) as KubeObject
}

function pinContainers(podSpec: Fields, field: string, pin: (image: string) => string): Fields {
  const containers = podSpec[field]
  if (!Array.isArray(containers)) return {}
  return {
    [field]: containers.map((container: unknown) => {
      if (!isFields(container) || typeof container['image'] !== 'string') return container
      return { ...container, image: pin(container['image']) }
    }),
  }
}

/** A copy in which the value at a path is changed; as it is where the path leads nowhere. */
function updateAt(value: Fields, path: readonly string[], change: (at: Fields) => Fields): Fields {
  const [first, ...rest] = path
  if (first === undefined) return change(value)
  const next = value[first]
  return isFields(next) ? { ...value, [first]: updateAt(next, rest, change) } : value
}

/** Only what the author of a manifest writes is applied: what the server adds would be a conflict or a lie. */
function withOwner(document: KubeObject, owner: Owner): KubeObject {
  const { status: _, ...rest } = document
  const { name, labels, annotations } = document.metadata
  return {
    ...rest,
    apiVersion: document.apiVersion,
    kind: document.kind,
    metadata: {
      name,
      namespace: owner.namespace,
      labels: { ...labels, [deliveryLabel]: owner.name },
      annotations: { ...annotations, [ownerAnnotation]: formatOwner(owner) },
    },
  }
}

function notFound(found: readonly string[], { repository }: RenderOptions): string {
  const images = [...new Set(found)].sort()
  const shown = images.slice(0, 10).join(', ') + (images.length > 10 ? ` and ${images.length - 10} more` : '')
  const what = images.length === 0 ? 'no container at all' : shown
  return `no container of the manifests uses an image of the repository ${repository.repository}, so nothing would be deployed; found: ${what}`
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
