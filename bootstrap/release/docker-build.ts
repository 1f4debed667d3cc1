import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { releaseAnnotations, type Release } from '../local/images/build-image.ts'
import { prepareContext } from '../local/images/image-context.ts'
import { openLayout, type OciImage } from '../local/images/oci-image.ts'
import { run } from '../local/run.ts'
import type { Releasable } from './releasable.ts'

export interface DockerBuild {
  /** Root of the checkout that is built. */
  readonly root: string
  readonly releasable: Releasable
  /** `REGISTRY/REPOSITORY@DIGEST` of an image with glibc, libstdc++, CA certificates and time zones. */
  readonly base: string
  readonly release: Release
  /** The folder for the layout; what was there goes. */
  readonly out: string
  readonly signal?: AbortSignal
  readonly onLine?: (line: string) => void
}

/** Builds with Docker's buildx, which makes an index of the image and its provenance. */
export async function buildWithDocker(build: DockerBuild): Promise<OciImage> {
  const { root, releasable, out, signal, onLine } = build
  const context = `${out}.context`
  await rm(out, { recursive: true, force: true })
  try {
    await prepareContext({ root, program: releasable.program, out: context })
    await run('docker', dockerArguments(build, context), { ...(signal && { signal }), ...(onLine && { onLine }) })
    return await openLayout(out)
  } finally {
    await rm(context, { recursive: true, force: true })
  }
}

export function dockerArguments(build: Omit<DockerBuild, 'signal' | 'onLine'>, context: string): readonly string[] {
  const { root, releasable, base, release, out } = build
  if (!/@sha256:[0-9a-f]{64}$/.test(base)) {
    throw new Error(`The base must be named by its digest, REGISTRY/REPOSITORY@sha256:…, not as '${base}'.`)
  }
  const { revision, created, source } = release
  const buildArgs = { BASE: base, REVISION: revision, CREATED: created, ...(source && { SOURCE: source }) }
  return [
    'buildx',
    'build',
    context,
    `--file=${join(root, releasable.dockerfile)}`,
    ...Object.entries(buildArgs).map(([key, value]) => `--build-arg=${key}=${value}`),
    '--provenance=mode=max',
    // The tag names the index, so it speaks for the release.
    ...Object.entries(releaseAnnotations(release)).map(([key, value]) => `--annotation=index:${key}=${value}`),
    `--output=type=oci,tar=false,dest=${out}`,
  ]
}
