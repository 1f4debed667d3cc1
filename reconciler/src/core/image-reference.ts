/**
 * References to images as containers and Deliveries write them: `registry/repository:tag@digest`.
 * Grammar: https://github.com/distribution/reference (the first component is a host where it holds a dot or a colon,
 * or is `localhost`) and https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests.
 */
export interface ImageReference {
  /** Host, with its port where it names one; absent where the reference leaves it to the container runtime. */
  readonly registry?: string
  /** The path of the repository below its host. */
  readonly repository: string
  readonly tag?: string
  readonly digest?: string
}

/** A repository with its host, as in `spec.image.repository`. */
export interface Repository {
  readonly registry: string
  readonly repository: string
}

export type Parsed<T> =
  { readonly kind: 'parsed'; readonly value: T } | { readonly kind: 'invalid'; readonly problem: string }

const host =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?$/
const pathComponent = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/
const tagName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const digestText = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/
const longestName = 255
const longestReference = longestName + 1 + 128 + 1 + 135

export function parseImageReference(text: string): Parsed<ImageReference> {
  if (text.length > longestReference) return invalid(`an image reference has at most ${longestReference} characters`)
  const at = text.indexOf('@')
  const digest = at === -1 ? undefined : text.slice(at + 1)
  if (digest !== undefined && !isDigest(digest)) return invalid(`"${digest}" is not a digest`)

  const named = at === -1 ? text : text.slice(0, at)
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/')
  const tag = hasTag ? named.slice(colon + 1) : undefined
  if (tag !== undefined && !isTag(tag)) return invalid(`"${tag}" is not a tag`)

  const name = parseName(hasTag ? named.slice(0, colon) : named)
  if (name.kind === 'invalid') return name
  return parsed({ ...name.value, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) })
}

/** Host and repository without tag or digest. */
export function parseRepository(text: string): Parsed<Repository> {
  const reference = parseImageReference(text)
  if (reference.kind === 'invalid') return reference
  const { registry, repository, tag, digest } = reference.value
  if (tag !== undefined || digest !== undefined) return invalid(`"${text}" names a tag or digest; give HOST/REPOSITORY`)
  if (registry === undefined) return invalid(`"${text}" names no registry; give HOST/REPOSITORY`)
  return parsed({ registry, repository })
}

export function printImageReference({ registry, repository, tag, digest }: ImageReference): string {
  const name = registry === undefined ? repository : `${registry}/${repository}`
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

/** Whether both name the same repository once host, tag and digest are left aside. */
export function isSameRepositoryPath(a: Pick<ImageReference, 'repository'>, b: Pick<ImageReference, 'repository'>) {
  return a.repository === b.repository
}

export function isDigest(text: string): boolean {
  return digestText.test(text)
}

export function isTag(text: string): boolean {
  return tagName.test(text)
}

function parseName(name: string): Parsed<Repository | Pick<ImageReference, 'repository'>> {
  if (name.length > longestName) return invalid(`a repository name has at most ${longestName} characters`)
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash)
  const isHost = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase()
  if (isHost && !host.test(first)) return invalid(`"${first}" is not a registry host`)

  const repository = isHost ? name.slice(slash + 1) : name
  const wrong = repository.split('/').find((component) => !pathComponent.test(component))
  if (wrong !== undefined) return invalid(`"${repository}" is not a repository: "${wrong}" may not stand in one`)
  return parsed(isHost ? { registry: first, repository } : { repository })
}

function parsed<T>(value: T): Parsed<T> {
  return { kind: 'parsed', value }
}

function invalid(problem: string): { readonly kind: 'invalid'; readonly problem: string } {
  return { kind: 'invalid', problem }
}
