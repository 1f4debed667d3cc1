import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hasDigest, parseOciDocument, type Descriptor, type OciDocument } from '../registry/oci.ts'
import { CommandRefused } from './refused.ts'

/** One manifest of a layout, and what it names beside it. */
export interface LayoutManifest {
  readonly descriptor: Descriptor
  readonly bytes: Buffer
  readonly document: OciDocument
  /** Configuration and layers; an index has none. */
  readonly blobs: readonly Descriptor[]
}

/** An image, or an index of some, in a folder as a builder writes it. */
export interface ImageLayout {
  readonly root: LayoutManifest
  /** In the order in which a registry takes them: what an index names, and the index last. */
  readonly manifests: readonly LayoutManifest[]
  /** The file of a blob. */
  path(digest: string): string
}

/**
 * Reads a folder of https://github.com/opencontainers/image-spec/blob/main/image-layout.md with one image in it. Every
 * manifest is checked against its digest, every blob is there with its size; the bytes of blobs are checked when they
 * are pushed. Throws CommandRefused.
 */
export async function readImageLayout(folder: string): Promise<ImageLayout> {
  const path = (digest: string) => join(folder, 'blobs', ...digest.split(':'))
  const descriptor = await readRoot(folder)
  const root = await readManifest(descriptor, path)
  const named = root.document.kind === 'index' ? root.document.index.manifests : []
  const children = await Promise.all(named.map((child) => readManifest(child, path)))
  const nested = children.find(({ document }) => document.kind === 'index')
  if (nested !== undefined) throw refused(`${nested.descriptor.digest} is an index within an index`)
  const manifests = [...children, root]
  const problems = await Promise.all(manifests.flatMap(({ blobs }) => blobs).map((blob) => blobProblem(blob, path)))
  const found = problems.filter((problem) => problem !== undefined)
  if (found.length > 0) throw new CommandRefused([...new Set(found)])
  return { root, manifests, path }
}

async function readRoot(folder: string): Promise<Descriptor> {
  const file = join(folder, 'index.json')
  const text = await readFile(file, 'utf8').catch(() => {
    throw refused(`${folder} holds no image: it has no index.json, as an OCI layout has`)
  })
  const document = parseOciDocument(parseJson(text, file))
  const [root, ...others] = document.kind === 'index' ? document.index.manifests : []
  if (root !== undefined && others.length === 0) return root
  const count = document.kind === 'index' ? document.index.manifests.length : 'no'
  throw refused(`${file} must name one image or index, and names ${count}`)
}

async function readManifest(descriptor: Descriptor, path: (digest: string) => string): Promise<LayoutManifest> {
  const { digest } = descriptor
  const bytes = await readFile(path(digest)).catch(() => {
    throw refused(`the manifest ${digest} is not in the layout`)
  })
  if (!hasDigest(bytes, digest)) throw refused(`the file of manifest ${digest} holds something else`)
  const document = parseOciDocument(parseJson(bytes.toString('utf8'), digest))
  if (document.kind === 'other') throw refused(`${digest} is neither an image nor an index`)
  const blobs = document.kind === 'manifest' ? [document.manifest.config, ...document.manifest.layers] : []
  return { descriptor, bytes, document, blobs }
}

async function blobProblem(
  { digest, size }: Descriptor,
  path: (digest: string) => string,
): Promise<string | undefined> {
  const found = await stat(path(digest)).catch(() => undefined)
  if (found === undefined) return `the blob ${digest} is not in the layout`
  return found.size === size ? undefined : `the blob ${digest} has ${found.size} bytes, not ${size}`
}

function parseJson(text: string, of: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw refused(`${of} is not JSON`)
  }
}

function refused(problem: string): CommandRefused {
  return new CommandRefused([problem])
}
