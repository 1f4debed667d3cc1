import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from './backend.ts'
import { checkout } from './checkout.ts'
import { ciIdentity } from './identities.ts'
import type { Release } from './images/build-image.ts'
import { type DebianImageSpec, ensureDebianImage } from './images/debian-image.ts'
import { prepareContext, type Program } from './images/image-context.ts'
import { buildahImages, type ImageBounds, type ImageSource } from './images/image-source.ts'
import type { OciImage } from './images/oci-image.ts'
import { openRegistryClient, type RegistryClient } from './images/registry-client.ts'
import { cacheDir } from './paths.ts'
import type { RegistryService } from './registry-service.ts'

export interface PushProgramOptions {
  readonly registry: RegistryService
  /** buildah's if not given. */
  readonly images?: ImageSource
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
  const { registry, images = buildahImages, root, program, dockerfile, repository, release, signal, onStep } = options
  const bounds = { ...(signal && { signal }), ...(onStep && { onStep }) }
  const base = await images.base(options.base, bounds)
  await mkdir(cacheDir('images', 'tmp'), { recursive: true })
  const folder = await mkdtemp(join(cacheDir('images', 'tmp'), 'push-'))
  try {
    onStep?.(`building ${repository}`)
    const context = join(folder, 'context')
    await prepareContext({ root, program, out: context })
    const built = await images.build({
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

/** Builds and pushes a program that the local platform itself runs as a pod. */
export function pushLocalProgram(
  what: Pick<PushProgramOptions, 'registry' | 'images' | 'base'> & { readonly name: 'ingress' | 'prometheus' },
  bounds: ImageBounds,
): Promise<PushedImage> {
  const { name, ...from } = what
  return pushProgram({
    ...from,
    root: checkout,
    program: { entry: `bootstrap/local/${name}/main.ts` },
    dockerfile: 'bootstrap/local/Dockerfile',
    release: localRelease,
    repository: `local/${name}-program`,
    ...bounds,
  })
}

/** An image that no commit is named for: it is of the working tree as it is. */
export const localRelease = { revision: 'local', created: '1970-01-01T00:00:00Z' } as const

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
