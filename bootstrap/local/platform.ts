import { platform as names, type LocalCluster } from './backend.ts'
import { checkout } from './checkout.ts'
import { debianImages } from './images/debian-images.ts'
import { programs } from './images/image-context.ts'
import type { ImageSource } from './images/image-source.ts'
import { kindParts } from './kind/parts.ts'
import { nativeBackend } from './native/backend.ts'
import type { NativeCluster } from './native/cluster.ts'
import { nativeParts } from './native/parts.ts'
import { recordConnections } from './network/recorder.ts'
import type { PlatformParts } from './platform-parts.ts'
import { deployPrometheus } from './prometheus/deploy.ts'
import { prometheusPort } from './prometheus/manifests.ts'
import { deployReconciler } from './reconciler.ts'
import { localRelease, pushLocalProgram, pushProgram, type PushedImage } from './registry-push.ts'
import { openRegistry, type RegistryService, startRegistry } from './registry-service.ts'

export interface PlatformOptions {
  readonly name: string
  /** Repositories that the reconciler delivers from, beside the predictor's: `bench/*`. */
  readonly delivered?: readonly string[]
  /** Write down every connection in the cluster, for a test that judges them. */
  readonly recordsConnections?: boolean
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

type Bounds = Omit<PlatformOptions, 'name'>

/** A local cluster with all that a release needs around it. */
export interface Platform<C extends LocalCluster = NativeCluster> {
  readonly cluster: C
  readonly registry: RegistryService
  readonly images: ImageSource
  readonly kubectl: string
  readonly ingressUrl: string
  readonly prometheusUrl: string
  /** Closes what this process holds open; the cluster stays up. */
  close(): Promise<void>
}

const parts: Readonly<Record<LocalCluster['backend'], PlatformParts>> = { native: nativeParts, kind: kindParts }

/** Brings up everything: cluster, registry, Ingress, Prometheus, reconciler. What is up already stays. */
export async function platformUp(options: PlatformOptions): Promise<Platform> {
  const cluster = await nativeBackend().up(options)
  if (options.recordsConnections === true) await recordConnections(cluster, options.signal)
  return platformOn(cluster, options)
}

/** Brings up all the rest on a cluster that is up. */
export async function platformOn<C extends LocalCluster>(cluster: C, options: Bounds): Promise<Platform<C>> {
  const platform = await startServices(cluster, options)
  await installReconciler(platform, options)
  return platform
}

/** Registry, Ingress and Prometheus of a cluster that is up. */
export async function startServices<C extends LocalCluster>(cluster: C, options: Bounds): Promise<Platform<C>> {
  const { images, ...part } = parts[cluster.backend]
  await part.prepare(options)
  const platform = platformOf(cluster, await startRegistry(cluster, options))
  const { registry } = platform
  const discovery = await pushLocalProgram({ registry, images, name: 'prometheus', base: debianImages.base }, options)
  const prometheus = await part.prometheus(registry, options)
  await Promise.all([
    part.deployIngress(cluster, registry, options),
    deployPrometheus({ cluster, images: { ...prometheus, discovery: discovery.reference }, ...options }),
  ])
  return platform
}

/** Builds the reconciler from this checkout, pushes it, and installs it as an operator would. */
export async function installReconciler(platform: Platform<LocalCluster>, options: Bounds): Promise<PushedImage> {
  const image = await pushReconciler(platform, options)
  await deployReconciler({ cluster: platform.cluster, image: image.reference, ...options })
  return image
}

/** Builds the reconciler's image from this checkout and pushes it. */
export function pushReconciler(platform: Platform<LocalCluster>, options: Bounds): Promise<PushedImage> {
  return pushProgram({
    registry: platform.registry,
    images: platform.images,
    root: checkout,
    program: programs.reconciler,
    dockerfile: 'reconciler/Dockerfile',
    base: debianImages.base,
    release: localRelease,
    repository: 'windlass',
    ...options,
  })
}

export async function platformDown(options: PlatformOptions): Promise<void> {
  await nativeBackend().down(options)
}

/** The platform of a cluster that is up, brought up by this process or another. */
export async function findPlatform(name: string): Promise<Platform | undefined> {
  const cluster = await nativeBackend().find(name)
  return cluster && platformOf(cluster, await openRegistry(cluster))
}

/** Where a platform's front doors are, whether or not it has them. */
export function addressesOn(nodeIp: string): Pick<Platform, 'ingressUrl' | 'prometheusUrl'> {
  return { ingressUrl: `http://${nodeIp}:${names.ingressPort}`, prometheusUrl: `http://${nodeIp}:${prometheusPort}` }
}

function platformOf<C extends LocalCluster>(cluster: C, registry: RegistryService): Platform<C> {
  return {
    cluster,
    registry,
    images: parts[cluster.backend].images,
    kubectl: cluster.kubectl,
    ...addressesOn(cluster.nodeIp),
    close: () => registry.close(),
  }
}
