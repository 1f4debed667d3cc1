import { mediaTypes, sealLayout, writeBlob, type Annotations, type Manifest, type OciImage } from './oci-image.ts'

export interface TestImageOptions {
  readonly annotations?: Annotations
  /** What its one layer holds; different content makes a different image. */
  readonly content?: string
}

/** A small image that every registry takes, though nothing could run it. */
export async function makeTestImage(layout: string, options: TestImageOptions = {}): Promise<OciImage> {
  const { annotations, content = 'a layer' } = options
  const layer = await writeBlob(layout, 'application/vnd.oci.image.layer.v1.tar', content)
  const config = await writeBlob(
    layout,
    mediaTypes.config,
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }),
  )
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers: [layer],
    ...(annotations && { annotations }),
  }
  return sealLayout(layout, await writeBlob(layout, mediaTypes.manifest, JSON.stringify(manifest)))
}
