/** Releases of the predictor itself: its image, and its manifests in a namespace of a test's own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkout } from '../../bootstrap/local/checkout.ts'
import { debianImages } from '../../bootstrap/local/images/debian-images.ts'
import { programs } from '../../bootstrap/local/images/image-context.ts'
import { copyBlobs, type OciImage } from '../../bootstrap/local/images/oci-image.ts'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { pushImage, pushProgram } from '../../bootstrap/local/registry-push.ts'
import { asCi } from '../bench/ci-publisher.ts'
import { attach } from '../src/cli/attach.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import { readPushedImage, setTag } from '../src/registry/bundle-push.ts'
import type { RegistryConnection } from '../src/registry/registry-connection.ts'
import { imageOf, ofRelease } from './test-releases.ts'

export interface StagedRelease {
  readonly tag: string
  readonly documents: readonly object[]
}

export interface StagedReleases {
  /** Sets the tag, by which the release is out. */
  release(tag: string): Promise<void>
}

interface Workload extends KubeObject {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly [Readonly<Record<string, unknown>>] } }
  }
}

/**
 * The predictor's image under another digest for each tag, `r1` and so on, pushed with its manifests and without the tag:
 * the machine is quiet again when that is set. They are there for as long as the work takes.
 */
export async function withStagedReleases(
  platform: Platform,
  repository: string,
  releases: readonly StagedRelease[],
  signal: AbortSignal,
  work: (staged: StagedReleases) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'windlass-releases-'))
  try {
    const image = await builtPredictor(platform, repository, join(folder, 'image'), signal)
    await asCi(platform, signal, async (connection) => {
      const digests = new Map<string, string>()
      for (const release of releases) {
        digests.set(release.tag, await stage(platform, connection, repository, image, release, signal))
      }
      await work({
        async release(tag) {
          const pushed = await readPushedImage(connection, repository, digests.get(tag) ?? '', signal)
          await setTag(connection, repository, tag, pushed, signal)
        },
      })
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The Deployment with our image, and what the test says of its container; other objects as they are. */
export function withContainer(object: KubeObject, repository: string, changes: object): KubeObject {
  if (object.kind !== 'Deployment') return object
  const { spec } = object as Workload
  const [container] = spec.template.spec.containers
  const podSpec = { ...spec.template.spec, containers: [{ ...container, image: imageOf(repository), ...changes }] }
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: podSpec } } }
}

/** Environment by which a release says who it is; on a machine that others use too, being late is no overload. */
export function identity(tag: string) {
  return [
    { name: 'REVISION', value: tag },
    { name: 'PREDICTOR_MAX_EVENT_LOOP_DELAY_MS', value: '0' },
  ]
}

/** The Ingress under a host of the test's own; other objects as they are. */
export function withHost(object: KubeObject, host: string): KubeObject {
  if (object.kind !== 'Ingress') return object
  const { rules } = object['spec'] as { readonly rules: readonly [object] }
  return { ...object, spec: { rules: [{ ...rules[0], host }] } }
}

async function builtPredictor(
  platform: Platform,
  repository: string,
  layout: string,
  signal: AbortSignal,
): Promise<OciImage> {
  let image: OciImage | undefined
  await pushProgram({
    registry: platform.registry,
    root: checkout,
    program: programs.predictor,
    dockerfile: 'predictor/Dockerfile',
    base: debianImages.base,
    release: { revision: 'local', created: '1970-01-01T00:00:00Z' },
    repository,
    async wrap(built) {
      await copyBlobs(built.layout, layout)
      image = { layout, root: built.root }
      return built
    },
    signal,
  })
  if (image === undefined) throw new Error('the image was not built')
  return image
}

async function stage(
  platform: Platform,
  connection: RegistryConnection,
  repository: string,
  image: OciImage,
  { tag, documents }: StagedRelease,
  signal: AbortSignal,
): Promise<string> {
  const ours = await ofRelease(image, { tag, sequence: Number(tag.slice(1)) })
  const { digest, reference } = await pushImage(platform.registry, ours, repository, { signal })
  const folder = await mkdtemp(join(image.layout, 'manifests-'))
  for (const [index, document] of documents.entries()) {
    await writeFile(join(folder, `${index}.json`), JSON.stringify(document))
  }
  await attach({ folder, image: reference, revision: tag }, { connect: () => connection, say: () => {}, signal })
  return digest
}
