import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export interface BlobReference {
  readonly repository: string
  readonly digest: string
}

export interface BlobUrlOptions {
  readonly secret: Buffer
  /** The login server, from which the container's name is made. */
  readonly registry: string
  readonly lifetimeSeconds: number
  readonly nowMs: () => number
}

/** What a path on the blob host is good for. */
export type BlobUrlCheck =
  { readonly kind: 'valid'; readonly blob: BlobReference } | { readonly kind: 'forged' | 'expired' | 'unknown' }

/**
 * URLs that allow the reading of one blob for a short time without further credentials, as the service shared access
 * signatures that ACR redirects to
 * (https://learn.microsoft.com/rest/api/storageservices/create-service-sas).
 */
export interface BlobUrls {
  /** The first part of every path on the blob host. */
  readonly prefix: string
  sign(origin: string, blob: BlobReference): string
  check(path: string, query: URLSearchParams): BlobUrlCheck
}

export function blobUrls({ secret, registry, lifetimeSeconds, nowMs }: BlobUrlOptions): BlobUrls {
  const prefix = `/${createHash('sha256').update(registry).digest('hex').slice(0, 32)}/`
  const pattern = new RegExp(
    `^${prefix}docker/registry/v2/repositories/(?<repository>.+)/blobs/(?<algorithm>[a-z0-9]+)/(?<hash>[a-f0-9]+)/data$`,
  )
  const signature = (path: string, expiry: string): Buffer =>
    createHmac('sha256', secret).update(`${path}\n${expiry}`).digest()

  return {
    prefix,
    sign(origin, { repository, digest }) {
      const path = `${prefix}docker/registry/v2/repositories/${repository}/blobs/${digest.replace(':', '/')}/data`
      const expiry = `${new Date(nowMs() + lifetimeSeconds * 1000).toISOString().slice(0, 19)}Z`
      const sig = signature(path, expiry).toString('base64')
      const query = new URLSearchParams({ se: expiry, sig, sp: 'r', spr: 'https', sr: 'b', sv: '2016-05-31' })
      return `${origin}${path}?${query.toString()}`
    },
    check(path, query) {
      const { repository, algorithm, hash } = pattern.exec(path)?.groups ?? {}
      if (!repository || !algorithm || !hash) return { kind: 'unknown' }
      const expiry = query.get('se') ?? ''
      const given = Buffer.from(query.get('sig') ?? '', 'base64')
      const expected = signature(path, expiry)
      if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) return { kind: 'forged' }
      if (Date.parse(expiry) < nowMs()) return { kind: 'expired' }
      return { kind: 'valid', blob: { repository, digest: `${algorithm}:${hash}` } }
    },
  }
}
