import { platform as names } from './backend.ts'
import { checkout } from './checkout.ts'
import { ensurePackages } from './debian.ts'
import { debianImages } from './images/debian-images.ts'
import { programs } from './images/image-context.ts'
import { deployIngress } from './ingress/deploy.ts'
import type { NativeCluster } from './native/cluster.ts'
import { nativeBackend } from './native/backend.ts'
import { recordConnections } from './network/recorder.ts'
import { deployPrometheus } from './prometheus/deploy.ts'
import { prometheusPort } from './prometheus/manifests.ts'
import { deployReconciler } from './reconciler.ts'
import { pushDebianImage, pushProgram, type PushedImage } from './registry-push.ts'
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
export interface Platform {
  readonly cluster: NativeCluster
  readonly registry: RegistryService
  readonly kubectl: string
  readonly ingressUrl: string
  readonly prometheusUrl: string
  /** Closes what this process holds open; the cluster stays up. */
  close(): Promise<void>
}

/** Brings up everything: cluster, registry, Ingress, Prometheus, reconciler. What is up already stays. */
export async function platformUp(options: PlatformOptions): Promise<Platform> {
  const cluster = await nativeBackend().up(options)
  if (options.recordsConnections === true) await recordConnections(cluster, options.signal)
  const platform = await startServices(cluster, options)
  await installReconciler(platform, options)
  return platform
}

/** Registry, Ingress and Prometheus of a cluster that is up. */
export async function startServices(cluster: NativeCluster, options: Bounds): Promise<Platform> {
  await ensurePackages(['images'], options)
  const platform = platformOf(cluster, await startRegistry(cluster, options))
  const { registry } = platform
  const [ingress, discovery] = [
    await pushLocalProgram(registry, 'ingress', debianImages.haproxy, options),
    await pushLocalProgram(registry, 'prometheus', debianImages.base, options),
  ]
  const prometheus = await pushDebianImage(registry, debianImages.prometheus, 'local/prometheus', options)
  await Promise.all([
    deployIngress({ cluster, image: ingress.reference, ...options }),
    deployPrometheus({
      cluster,
      images: { prometheus: prometheus.reference, discovery: discovery.reference },
      ...options,
    }),
  ])
  return platform
}

/** Builds the reconciler from this checkout, pushes it, and installs it as an operator would. */
export async function installReconciler(platform: Platform, options: Bounds): Promise<PushedImage> {
  const image = await pushReconciler(platform, options)
  await deployReconciler({ cluster: platform.cluster, image: image.reference, ...options })
  return image
}

/** Builds the reconciler's image from this checkout and pushes it. */
export function pushReconciler(platform: Platform, options: Bounds): Promise<PushedImage> {
  return pushProgram({
    registry: platform.registry,
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

/** An image that no commit is named for: it is of the working tree as it is. */
const localRelease = { revision: 'local', created: '1970-01-01T00:00:00Z' } as const

/** Where a platform's front doors are, whether or not it has them. */
export function addressesOn(nodeIp: string): Pick<Platform, 'ingressUrl' | 'prometheusUrl'> {
  return { ingressUrl: `http://${nodeIp}:${names.ingressPort}`, prometheusUrl: `http://${nodeIp}:${prometheusPort}` }
}

function platformOf(cluster: NativeCluster, registry: RegistryService): Platform {
  return {
    cluster,
    registry,
    kubectl: cluster.kubectl,
    ...addressesOn(cluster.nodeIp),
    close: () => registry.close(),
  }
}

function pushLocalProgram(
  registry: RegistryService,
  name: 'ingress' | 'prometheus',
  base: typeof debianImages.base | typeof debianImages.haproxy,
  options: Bounds,
): Promise<PushedImage> {
  return pushProgram({
    registry,
    root: checkout,
    program: { entry: `bootstrap/local/${name}/main.ts` },
    dockerfile: 'bootstrap/local/Dockerfile',
    base,
    release: localRelease,
    repository: `local/${name}-program`,
    ...options,
  })
}
