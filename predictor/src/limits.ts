import type { FastifyServerOptions } from 'fastify'

/** What a client may send, and how long it may take: far above anything that is of use here. */
export const limits = {
  /** Characters of path and query. */
  url: 2 * 1024,
  /** Bytes of the request line and all headers. */
  head: 8 * 1024,
  /** Bytes. */
  body: 16 * 1024,
  /** From the opening of a connection, or the first byte of a request on a kept one, to the end of its headers. */
  headMs: 5_000,
  /** To the end of its body. */
  requestMs: 10_000,
  /** How long a client may take no byte of its answer. */
  stalledMs: 30_000,
  /**
   * How long a connection may be kept without a request on it. Longer than any Ingress controller keeps one (Traefik
   * 90 s, NGINX 60 s): closed from here, it can take a request that was just sent with it.
   */
  idleMs: 120_000,
  /**
   * So that those who only hold connections can neither use up memory nor keep probes away: a surplus one is answered
   * once, on prices with 503, and is closed after 10 s whatever it does; what comes beyond is closed at once.
   */
  connections: { served: 2_000, surplus: 1_000, surplusMs: 10_000 },
} as const

/** The part of them that the framework and Node's HTTP server see to. */
export const serverLimits = {
  bodyLimit: limits.body,
  requestTimeout: limits.requestMs,
  connectionTimeout: limits.stalledMs,
  keepAliveTimeout: limits.idleMs,
  http: {
    maxHeaderSize: limits.head,
    headersTimeout: limits.headMs,
    connectionsCheckingInterval: 1_000,
    // Node would answer with an empty body; plugins/limits.ts does it in the shape of all other errors.
    requireHostHeader: false,
  },
} as const satisfies FastifyServerOptions & { readonly http: object }
