import type { LocalCluster } from './backend.ts'
import type { ImageBounds, ImageSource } from './images/image-source.ts'
import type { PrometheusImages } from './prometheus/manifests.ts'
import type { RegistryService } from './registry-service.ts'

/** What a platform is made of, where that depends on what its cluster runs on. */
export interface PlatformParts {
  readonly images: ImageSource
  /** What the machine needs before anything is built. */
  prepare(bounds: ImageBounds): Promise<void>
  /** Installs what serves Ingresses; resolves when it answers on the node's address. */
  deployIngress(cluster: LocalCluster, registry: RegistryService, bounds: ImageBounds): Promise<void>
  /** The server's image, in the registry or in another that the node reaches. */
  prometheus(registry: RegistryService, bounds: ImageBounds): Promise<Omit<PrometheusImages, 'discovery'>>
}
