import { mkdir, rm } from 'node:fs/promises'
import {
  copyBlobs,
  mediaTypes,
  readManifest,
  sealLayout,
  writeBlob,
  type Descriptor,
  type Index,
  type Manifest,
  type OciImage,
} from './oci-image.ts'

/**
 * Wraps an image in an index beside an attestation manifest, the shape that BuildKit pushes by default since it attaches
 * provenance: https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md. The index carries
 * the image's annotations, for it is what the tag will name. An SBOM, of SPDX, is a statement beside the provenance.
 */
export async function withAttestation(image: OciImage, out: string, sbom?: object): Promise<OciImage> {
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  await copyBlobs(image.layout, out)

  const manifest = await readManifest(image)
  const attestation = await writeAttestation(image, out, sbom)
  const index: Index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      { ...image.root, platform: { architecture: architectures[process.arch] ?? process.arch, os: 'linux' } },
      {
        ...attestation,
        annotations: {
          'vnd.docker.reference.digest': image.root.digest,
          'vnd.docker.reference.type': 'attestation-manifest',
        },
        platform: { architecture: 'unknown', os: 'unknown' },
      },
    ],
    ...(manifest.annotations && { annotations: manifest.annotations }),
  }
  return sealLayout(out, await writeBlob(out, mediaTypes.index, JSON.stringify(index)))
}

/** Node's names of architectures → the specification's. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

async function writeAttestation(image: OciImage, out: string, sbom: object | undefined): Promise<Descriptor> {
  const { annotations = {} } = await readManifest(image)
  const layers = [
    await writeStatement(image, out, 'https://slsa.dev/provenance/v1', {
      buildDefinition: {
        buildType: 'https://windlass.dev/local-build/v1',
        externalParameters: { revision: annotations['org.opencontainers.image.revision'] ?? 'unknown' },
      },
      runDetails: { builder: { id: 'https://windlass.dev/local-builder' } },
    }),
    ...(sbom === undefined ? [] : [await writeStatement(image, out, 'https://spdx.dev/Document', sbom)]),
  ]
  const config = await writeBlob(
    out,
    mediaTypes.config,
    JSON.stringify({
      architecture: 'unknown',
      os: 'unknown',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
  )
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers,
  }
  return writeBlob(out, mediaTypes.manifest, JSON.stringify(manifest))
}

/** https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, unsigned. */
async function writeStatement(
  image: OciImage,
  out: string,
  predicateType: string,
  predicate: object,
): Promise<Descriptor> {
  const subject = [{ name: 'image', digest: { sha256: image.root.digest.replace('sha256:', '') } }]
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate }
  const blob = await writeBlob(out, 'application/vnd.in-toto+json', JSON.stringify(statement))
  return { ...blob, annotations: { 'in-toto.io/predicate-type': predicateType } }
}
