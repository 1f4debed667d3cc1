/** What CI does on a push, in small: an image of one static program, its manifests attached, its tag set last. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { platform as names } from '../../bootstrap/local/backend.ts'
import { installMissing } from '../../bootstrap/local/debian.ts'
import {
  mediaTypes,
  openLayout,
  readManifest,
  sealLayout,
  writeBlob,
  type OciImage,
} from '../../bootstrap/local/images/oci-image.ts'
import { writeStaticImage } from '../../bootstrap/local/native/static-image.ts'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { pushImage } from '../../bootstrap/local/registry-push.ts'
import { asCi } from '../bench/ci-publisher.ts'
import { imageAnnotations } from '../src/api/annotations.ts'
import { attach } from '../src/cli/attach.ts'

export interface PushRequest {
  /** `e2e/…` */
  readonly repository: string
  /** What the image is named by in the bundle is replaced by it. */
  readonly tag: string
  readonly sequence: number
  readonly documents: readonly object[]
  readonly signal: AbortSignal
}

/** Pushes a release of an image whose one program is busybox, `/busybox`. */
export async function pushRelease(platform: Platform, request: PushRequest): Promise<void> {
  const { repository, tag, documents, signal } = request
  await installMissing(['busybox-static'], {})
  const dir = await mkdtemp(join(tmpdir(), 'windlass-release-'))
  try {
    const program = { name: repository, program: '/bin/busybox', entrypoint: 'busybox' }
    await writeStaticImage(dir, program)
    const image = await ofRelease(await openLayout(join(dir, 'layout')), request)
    const { reference } = await pushImage(platform.registry, image, repository, { signal })
    const folder = await mkdtemp(join(dir, 'manifests-'))
    for (const [index, document] of documents.entries()) {
      await writeFile(join(folder, `${index}.json`), JSON.stringify(document))
    }
    await asCi(platform, signal, (connection) =>
      attach({ folder, image: reference, revision: tag, tag }, { connect: () => connection, say: () => {}, signal }),
    )
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** How a bundle names the image of a repository; the reconciler puts the released one in its place. */
export function imageOf(repository: string): string {
  return `${names.registryHost}/${repository}`
}

/** The same image, but for what it says of the release that it is. */
export async function ofRelease(
  image: OciImage,
  { tag, sequence }: Pick<PushRequest, 'tag' | 'sequence'>,
): Promise<OciImage> {
  const annotations = { [imageAnnotations.revision]: tag, [imageAnnotations.sequence]: String(sequence) }
  const manifest = JSON.stringify({ ...(await readManifest(image)), annotations })
  return sealLayout(image.layout, await writeBlob(image.layout, mediaTypes.manifest, manifest))
}
