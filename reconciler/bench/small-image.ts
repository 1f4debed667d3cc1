import { imageAnnotations } from '../src/api/annotations.ts'
import { digestOf, mediaTypes } from '../src/registry/oci.ts'

/** The config of each small image: one blob for all of them. */
export const smallConfig = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux' }))

/** The manifest of an image without layers, whose digest is its revision's own. */
export function smallImage(revision: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: digestOf(smallConfig), size: smallConfig.byteLength },
      layers: [],
      annotations: { [imageAnnotations.revision]: revision },
    }),
  )
}
