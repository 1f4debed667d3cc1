import { Agent } from 'undici'

/**
 * Longer than the 30 s between two polls of a Delivery that says nothing else, and below the 4 min after which Azure's
 * load balancers forget a silent connection. What a server says itself of how long it keeps one goes before this.
 * https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset
 */
const keepAliveMs = 65_000

/** Carries all requests to registries, blob stores and Entra ID; two polls share a connection, and its TLS handshake. */
export function createDispatcher(): Agent {
  return new Agent({ keepAliveTimeout: keepAliveMs })
}
