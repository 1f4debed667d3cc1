import type { DebianImageSpec } from './debian-image.ts'

/** What the local platform takes from Debian as images. */
export const debianImages = {
  /** Base of our own programs: what Node's binary links to, certificates, time zones. */
  base: { name: 'base', packages: ['libc6', 'libstdc++6', 'ca-certificates', 'tzdata'] },
  /** Base of the Ingress controller, whose program is Node's and starts HAProxy's. */
  haproxy: { name: 'haproxy', packages: ['haproxy', 'libstdc++6', 'ca-certificates', 'tzdata'] },
  prometheus: {
    name: 'prometheus',
    packages: ['prometheus', 'ca-certificates', 'tzdata'],
    // Four fifths of what the packages hold, and of no use to the server.
    without: ['usr/bin/promtool', 'usr/share/javascript/moment-timezone/data/unpacked'],
    entrypoint: ['/usr/bin/prometheus'],
  },
} as const satisfies Record<string, DebianImageSpec>
