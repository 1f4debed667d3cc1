import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from './backend.ts'
import { ciIdentity } from './identities.ts'
import type { Release } from './images/build-image.ts'
import { type DebianImageSpec, ensureDebianImage } from './images/debian-image.ts'
import { prepareContext, type Program } from './images/image-context.ts'
import { ensureBuiltImage } from './images/kept-image.ts'
import type { OciImage } from './images/oci-image.ts'
import { openRegistryClient, type RegistryClient } from './images/registry-client.ts'
import { cacheDir } from './paths.ts'
import type { RegistryService } from './registry-service.ts'

export interface PushProgramOptions {
  readonly registry: RegistryService
  /** Root of the checkout that is built. */
  readonly root: string
  readonly program: Program
  readonly dockerfile: string
  readonly base: DebianImageSpec
  readonly release: Release
  readonly repository: string
  /** Makes of the image what is pushed in its place: an index around it, say. */
  readonly wrap?: (image: OciImage, folder: string) => Promise<OciImage>
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

export interface PushedImage {
  readonly digest: string
  /** `HOST/REPOSITORY@sha256:…` */
  readonly reference: string
}

/** Builds a program's image with the Dockerfile that CI uses, and pushes it by digest, without a tag. */
export async function pushProgram(options: PushProgramOptions): Promise<PushedImage> {
  const { registry, root, program, dockerfile, repository, release, signal, onStep } = options
  const bounds = { ...(signal && { signal }), ...(onStep && { onStep }) }
  const base = await ensureDebianImage(options.base, bounds)
  const folder = await mkdtemp(join(cacheDir('images', 'tmp'), 'push-'))
  try {
    onStep?.(`building ${repository}`)
    const context = join(folder, 'context')
    await prepareContext({ root, program, out: context })
    const built = await ensureBuiltImage({
      name: repository.replaceAll('/', '-'),
      dockerfile: join(root, dockerfile),
      context,
      base,
      release,
      ...(signal && { signal }),
    })
    const image = (await options.wrap?.(built, join(folder, 'wrapped'))) ?? built
    return await pushImage(registry, image, repository, bounds)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Pushes an image of Debian packages as it is. */
export async function pushDebianImage(
  registry: RegistryService,
  spec: DebianImageSpec,
  repository: string,
  bounds: { readonly signal?: AbortSignal; readonly onStep?: (step: string) => void },
): Promise<PushedImage> {
  const { image } = await ensureDebianImage(spec, bounds)
  return pushImage(registry, image, repository, bounds)
}

export async function pushImage(
  registry: RegistryService,
  image: OciImage,
  repository: string,
  { signal, onStep }: { readonly signal?: AbortSignal; readonly onStep?: (step: string) => void },
): Promise<PushedImage> {
  onStep?.(`pushing ${repository}`)
  const digest = await registryClient(registry).push(image, repository, signal && { signal })
  return { digest, reference: `${platform.registryHost}/${repository}@${digest}` }
}

function registryClient({ dispatcher, ciPassword }: RegistryService): RegistryClient {
  return openRegistryClient({
    origin: `https://${platform.registryHost}`,
    username: ciIdentity.username,
    password: ciPassword,
    dispatcher,
  })
}
