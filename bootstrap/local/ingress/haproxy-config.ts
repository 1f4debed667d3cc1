import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { HostRoutes, PathRoute, RoutingTable, Target } from './routing.ts'
import { keyText } from './routing.ts'

export interface HaproxySettings {
  /** What the sockets are bound to; nothing for every address. */
  readonly address?: string
  readonly httpPort: number
  /** `/healthz`, `/metrics` (Prometheus) and `/revision`, the revision of the configuration that answers. */
  readonly adminPort: number
  readonly tls?: {
    readonly port: number
    /** File in HAProxy's crt-list format. */
    readonly certificateList: string
  }
}

export interface HaproxyConfig {
  readonly text: string
  /** Changes exactly when the text does. */
  readonly revision: string
}

/**
 * HAProxy 2.6's configuration for a routing table; the same table gives the same text.
 *
 * Backends are Services, so a connection that is kept open would stay with one pod: it would starve the new ones and
 * die with the old one. Hence one connection a request. All that can then go wrong while a pod ends is a refused
 * connect, which is tried again, for two seconds, since nothing was sent; a request that was sent and not answered is
 * sent again only where its method is idempotent (RFC 9110, section 9.2.2).
 */
export function haproxyConfig(table: RoutingTable, settings: HaproxySettings): HaproxyConfig {
  const body = [...global(settings), ...defaults, ...frontend(table, settings), ...backends(table)].join('\n')
  const revision = createHash('sha256').update(body).update(JSON.stringify(settings)).digest('hex').slice(0, 16)
  return { text: `${body}\n${admin(settings, revision).join('\n')}\n`, revision }
}

function global({ tls }: HaproxySettings): readonly string[] {
  return [
    'global',
    '  log stdout format raw local0 err',
    '  maxconn 1500',
    '  nbthread 2',
    // Longer than any request may take, so that a reload cuts none short; bounds how long old workers linger.
    '  hard-stop-after 75s',
    ...(tls ? ['  ssl-default-bind-options ssl-min-ver TLSv1.2'] : []),
    '',
  ]
}

const defaults = [
  'defaults',
  '  mode http',
  '  log global',
  '  option httplog',
  '  option dontlog-normal',
  '  option log-separate-errors',
  '  option dontlognull',
  // On a reload the old worker answers once more on an idle connection and then closes it, instead of closing it
  // under a client that may just be sending.
  '  option idle-close-on-response',
  '  option http-server-close',
  '  http-reuse never',
  // Also the pause before the same address is tried again.
  '  timeout connect 250ms',
  '  retries 8',
  '  retry-on conn-failure empty-response',
  '  timeout http-request 10s',
  '  timeout http-keep-alive 30s',
  '  timeout client 60s',
  '  timeout server 60s',
  '  timeout tunnel 1h',
  '',
]

function frontend(table: RoutingTable, settings: HaproxySettings): readonly string[] {
  const { tls } = settings
  return [
    'frontend ingress',
    `  bind ${socket(settings, settings.httpPort)}`,
    ...(tls ? [`  bind ${socket(settings, tls.port)} ssl crt-list ${tls.certificateList} alpn h2,http/1.1`] : []),
    // What a client says of itself here would be believed by the backends.
    '  http-request del-header Forwarded',
    '  http-request del-header X-Real-IP',
    '  http-request set-header X-Forwarded-For %[src]',
    '  http-request set-header X-Forwarded-Host %[req.hdr(host)]',
    '  http-request del-header X-Forwarded-Port',
    '  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]',
    '  http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE TRACE }',
    '  http-request set-var(txn.host) req.hdr(host),host_only,rtrim(.)',
    // With a slash at the end a prefix that has one too is compared by whole path elements.
    '  http-request set-var(txn.elements) path,concat(/)',
    ...table.hosts.flatMap((routes, index) => hostRules(routes, `host_${index}`, table.fallback)),
    `  default_backend ${table.fallback ? backendName(table.fallback) : notFound}`,
    '',
  ]
}

function hostRules({ host, routes, fallback }: HostRoutes, acl: string, other: Target | undefined): readonly string[] {
  const isHost = host === '' ? [] : [acl]
  const last = fallback ?? other
  const isCovered = routes.some(({ match, path }) => match === 'prefix' && path === '')
  return [
    ...(host === '' ? [] : [`  acl ${acl} var(txn.host) ${hostPattern(host)}`]),
    ...routes.map((route) => useBackend(backendName(route.target), [...isHost, ...pathCondition(route)])),
    ...(isCovered ? [] : [useBackend(last ? backendName(last) : notFound, isHost)]),
  ]
}

function useBackend(backend: string, conditions: readonly string[]): string {
  return [`  use_backend ${backend}`, ...(conditions.length === 0 ? [] : ['if', ...conditions])].join(' ')
}

function hostPattern(host: string): string {
  if (!host.startsWith('*.')) return `-m str ${host}`
  return `-m reg '^[^.]+${host.slice(1).replaceAll('.', '[.]')}$'`
}

function pathCondition({ match, path }: PathRoute): readonly string[] {
  if (match === 'exact') return [`{ path -m str ${word(asRequested(path))} }`]
  return path === '' ? [] : [`{ var(txn.elements) -m beg ${word(asRequested(path))}/ }`]
}

/** A rule's path may hold any character; in a request it comes percent-encoded (RFC 3986, section 3.3). */
function asRequested(path: string): string {
  const percentEncode = (text: string): string =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
  return path.replace(/%(?![0-9A-Fa-f]{2})|[^\w.~!$&'()*+,;=:@/%-]/gu, percentEncode)
}

/** A word that HAProxy's configuration parser reads as just this text, whatever is in it. */
function word(ascii: string): string {
  return ascii.replace(/[^\w./~%-]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

const notFound = 'not-found'
const unavailable = 'unavailable'

/** Kubernetes names hold no colon, so that none of them is one of ours. */
function backendName(target: Target): string {
  if (target.kind === 'unavailable') return unavailable
  return `${target.service.namespace}:${target.service.name}:${target.port}`
}

function backends(table: RoutingTable): readonly string[] {
  const targets = [
    ...table.hosts.flatMap(({ routes, fallback }) => [...routes.map(({ target }) => target), fallback]),
    table.fallback,
  ].filter((target) => target?.kind === 'service')
  const unique = new Map(targets.map((target) => [backendName(target), target]))
  return [
    ...[...unique]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, { service, address, port }]) => [
        `backend ${name}`,
        `  # Service ${keyText(service)}`,
        `  server service ${isIPv6(address) ? `[${address}]` : address}:${port}`,
        '',
      ]),
    `backend ${notFound}`,
    '  http-request return status 404 content-type text/plain string "no Ingress has a rule for this host and path\\n"',
    '',
    `backend ${unavailable}`,
    '  http-request return status 503 content-type text/plain string "the Ingress names a backend that can not be had\\n"',
    '',
  ]
}

function admin(settings: HaproxySettings, revision: string): readonly string[] {
  return [
    'frontend admin',
    `  bind ${socket(settings, settings.adminPort)}`,
    '  http-request use-service prometheus-exporter if { path /metrics }',
    '  http-request return status 200 content-type text/plain string ok if { path /healthz }',
    `  http-request return status 200 content-type text/plain string ${revision} if { path /revision }`,
    '  http-request return status 404',
  ]
}

function socket({ address }: HaproxySettings, port: number): string {
  return `${address ?? ''}:${port}`
}
