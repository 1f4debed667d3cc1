import { ensurePackages } from '../debian.ts'
import { debianImages } from '../images/debian-images.ts'
import { buildahImages } from '../images/image-source.ts'
import { deployIngress } from '../ingress/deploy.ts'
import type { PlatformParts } from '../platform-parts.ts'
import { pushDebianImage, pushLocalProgram } from '../registry-push.ts'

/** All of it from this machine's Debian packages: HAProxy as Ingress, Debian's Prometheus. */
export const nativeParts: PlatformParts = {
  images: buildahImages,
  prepare: (bounds) => ensurePackages(['images'], bounds),
  deployIngress: async (cluster, registry, bounds) => {
    const { reference } = await pushLocalProgram(
      { registry, images: buildahImages, name: 'ingress', base: debianImages.haproxy },
      bounds,
    )
    await deployIngress({ cluster, image: reference, ...bounds })
  },
  prometheus: async (registry, bounds) => ({
    prometheus: (await pushDebianImage(registry, debianImages.prometheus, 'local/prometheus', bounds)).reference,
  }),
}
