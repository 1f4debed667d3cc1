import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { linkOrCopy } from './link-or-copy.ts'

/** Media types of the OCI image specification, https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md. */
export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
} as const

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Annotations
  readonly platform?: { readonly architecture: string; readonly os: string }
}

export type Annotations = Readonly<Record<string, string>>

export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType: string
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly annotations?: Annotations
}

export interface Index {
  readonly schemaVersion: 2
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
  readonly annotations?: Annotations
}

/** An image, or an index of some, in a folder of its own that is laid out as the specification says. */
export interface OciImage {
  /** The folder, with `oci-layout`, `index.json` and `blobs/sha256/…` in it. */
  readonly layout: string
  readonly root: Descriptor
}

/** Takes over what `buildah push dir:…` wrote to a folder: the same folder becomes an OCI layout. */
export async function adoptDirectory(folder: string): Promise<OciImage> {
  const manifest = await readFile(join(folder, 'manifest.json'))
  const blobs = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}$/.test(name))
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true })
  await Promise.all(blobs.map((name) => rename(join(folder, name), join(folder, 'blobs/sha256', name))))
  await Promise.all(['manifest.json', 'version'].map((name) => rm(join(folder, name))))
  return sealLayout(folder, await writeBlob(folder, mediaTypes.manifest, manifest))
}

/** Writes what makes a folder of blobs a layout with that root. */
export async function sealLayout(layout: string, root: Descriptor): Promise<OciImage> {
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  const index: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [root] }
  await writeFile(join(layout, 'index.json'), JSON.stringify(index))
  return { layout, root }
}

export async function openLayout(layout: string): Promise<OciImage> {
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as Index
  const [root, ...others] = index.manifests
  if (root === undefined || others.length > 0) {
    throw new Error(`${layout}/index.json names ${index.manifests.length} images where one is expected.`)
  }
  return { layout, root }
}

export async function writeBlob(layout: string, mediaType: string, content: Buffer | string): Promise<Descriptor> {
  const bytes = Buffer.from(content)
  const hex = createHash('sha256').update(bytes).digest('hex')
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true })
  await writeFile(join(layout, 'blobs/sha256', hex), bytes)
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
}

export function blobPath(layout: string, digest: string): string {
  return join(layout, 'blobs', digest.replace(':', '/'))
}

export async function readManifest(image: OciImage, { digest }: Descriptor = image.root): Promise<Manifest> {
  return JSON.parse(await readFile(blobPath(image.layout, digest), 'utf8')) as Manifest
}

export async function readIndex(image: OciImage): Promise<Index> {
  return JSON.parse(await readFile(blobPath(image.layout, image.root.digest), 'utf8')) as Index
}

export function isIndex({ mediaType }: Descriptor): boolean {
  return mediaType === mediaTypes.index
}

/** Bytes of all layers, as they are stored and moved. */
export async function layerBytes(image: OciImage): Promise<number> {
  const { layers } = await readManifest(image)
  return layers.reduce((sum, { size }) => sum + size, 0)
}

export async function copyBlobs(from: string, to: string): Promise<void> {
  await mkdir(join(to, 'blobs/sha256'), { recursive: true })
  const names = await readdir(join(from, 'blobs/sha256'))
  await Promise.all(names.map((name) => linkOrCopy(join(from, 'blobs/sha256', name), join(to, 'blobs/sha256', name))))
}
