import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { releaseAnnotations, type BuildImageOptions } from '../images/build-image.ts'
import { ensureBuiltImage } from '../images/kept-image.ts'
import type { ImageSource } from '../images/image-source.ts'
import {
  isIndex,
  mediaTypes,
  openLayout,
  readManifest,
  sealLayout,
  writeBlob,
  type Descriptor,
  type Manifest,
  type OciImage,
} from '../images/oci-image.ts'
import { run as runProgram } from '../run.ts'
import type { RunnerFor } from './calls.ts'
import { pins } from './pins.ts'

/** The same Dockerfiles, built by the Docker engine on a base that it pulls. */
export function dockerImages(runner: RunnerFor): ImageSource {
  return {
    base: async () => ({ reference: pins.base }),
    build: (options) => ensureBuiltImage(options, (build) => buildByDocker(build, runner)),
  }
}

export async function buildByDocker(options: BuildImageOptions, runner: RunnerFor): Promise<OciImage> {
  const { dockerfile, context, base, release, out, signal } = options
  const name = `windlass.local/build:${randomUUID()}`
  const { revision, created, source } = release
  const args = { BASE: base.reference, REVISION: revision, CREATED: created, ...(source && { SOURCE: source }) }
  const call = (...words: readonly string[]) => runner(signal)({ program: 'docker', args: words })
  const settings = Object.entries(args).map(([key, value]) => `--build-arg=${key}=${value}`)
  const flags = ['--load', '--provenance=false', `--file=${dockerfile}`, `--tag=${name}`, ...settings]
  await call('buildx', 'build', ...flags, context)
  try {
    await rm(out, { recursive: true, force: true })
    await mkdir(out, { recursive: true })
    await call('image', 'save', `--output=${out}.tar`, name)
    await runProgram('tar', ['--extract', '--file', `${out}.tar`, '--directory', out], signal && { signal })
  } finally {
    await rm(`${out}.tar`, { force: true })
    // Whatever became of the build, the engine is not left with it.
    await runner()({ program: 'docker', args: ['image', 'rm', '--force', name] })
  }
  return asReleased(await openLayout(out), releaseAnnotations(release))
}

/** OCI's names of what Docker's image store may call otherwise. */
const ociTypes: Readonly<Record<string, string>> = {
  'application/vnd.docker.container.image.v1+json': mediaTypes.config,
  'application/vnd.docker.image.rootfs.diff.tar': 'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'application/vnd.oci.image.layer.v1.tar+gzip',
}

/** The image with the annotations of its release, which the engine's own store does not keep. */
async function asReleased(image: OciImage, annotations: Readonly<Record<string, string>>): Promise<OciImage> {
  if (isIndex(image.root))
    throw new Error(`docker image save wrote an index where one image was expected: ${image.layout}`)
  const { config, layers } = await readManifest(image)
  const asOci = ({ mediaType, digest, size }: Descriptor): Descriptor => ({
    mediaType: ociTypes[mediaType] ?? mediaType,
    digest,
    size,
  })
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: asOci(config),
    layers: layers.map(asOci),
    annotations,
  }
  return sealLayout(image.layout, await writeBlob(image.layout, mediaTypes.manifest, JSON.stringify(manifest)))
}
