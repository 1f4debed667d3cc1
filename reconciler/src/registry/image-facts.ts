import { imageAnnotations } from '../api/annotations.ts'
import { boundedText, longestRevision } from './bounded-text.ts'
import { mediaTypes, parseOciDocument, type Index, type Manifest } from './oci.ts'
import type { ImageFacts } from './tag-source.ts'

export type ReadFacts =
  | { readonly kind: 'facts'; readonly facts: Omit<ImageFacts, 'digest'> }
  | { readonly kind: 'invalid'; readonly problem: string }

const imageTypes: ReadonlySet<string> = new Set([mediaTypes.ociManifest, mediaTypes.dockerManifest])

/** RFC 6838, 4.2: 127 characters on each side of the slash. */
const longestMediaType = 255

type Annotations = Readonly<Record<string, string>>

/**
 * What the document that a tag names says of the release. An index speaks for itself: which of its images a node will
 * run is not known here, so their annotations do not count. Whatever it answers is bounded, for it is kept, and a
 * manifest may have megabytes of annotations.
 */
export function readImageFacts(document: unknown, mediaType: string): ReadFacts {
  const parsed = parseOciDocument(document)
  if (parsed.kind === 'other') {
    return invalid(`it names a document of type ${shownType(mediaType)}, which is neither an image nor an index`)
  }
  const { problem, read } =
    parsed.kind === 'manifest'
      ? { problem: imageProblem(parsed.manifest), read: parsed.manifest }
      : { problem: indexProblem(parsed.index), read: parsed.index }
  return problem === undefined ? facts(read.annotations, read.mediaType ?? mediaType) : invalid(problem)
}

function imageProblem({ config, artifactType }: Manifest): string | undefined {
  const isImage = config.mediaType === mediaTypes.ociConfig || config.mediaType === mediaTypes.dockerConfig
  if (isImage) return undefined
  return `it names an artifact of type ${shownType(artifactType ?? config.mediaType)}, not an image`
}

/** BuildKit lists attestations beside the images, for the platform unknown/unknown. */
function indexProblem({ manifests }: Index): string | undefined {
  const canRun = manifests.some(
    ({ mediaType, platform, artifactType }) =>
      imageTypes.has(mediaType) && artifactType === undefined && platform?.os !== 'unknown',
  )
  return canRun ? undefined : 'its index holds no image'
}

function facts(annotations: Annotations = {}, mediaType: string): ReadFacts {
  const { [imageAnnotations.revision]: revision, [imageAnnotations.sequence]: text } = annotations
  const sequence = text === undefined ? undefined : parseSequence(text)
  if (text !== undefined && sequence === undefined) {
    return invalid(
      `its annotation ${imageAnnotations.sequence} is ${JSON.stringify(text.slice(0, 32))}, not a whole number`,
    )
  }
  return {
    kind: 'facts',
    facts: {
      mediaType: shownType(mediaType),
      ...(sequence !== undefined && { sequence }),
      ...(revision !== undefined && { revision: boundedText(revision, longestRevision) }),
    },
  }
}

function shownType(mediaType: string): string {
  return boundedText(mediaType, longestMediaType)
}

/** Digits alone, as many as a number holds exactly. */
export function parseSequence(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,15})$/.test(text)) return undefined
  const sequence = Number(text)
  return Number.isSafeInteger(sequence) ? sequence : undefined
}

function invalid(problem: string): ReadFacts {
  return { kind: 'invalid', problem }
}
