export interface Connection {
  readonly protocol: 'TCP' | 'UDP'
  readonly from: string
  /** Where it arrives, after a Service's or a host port's address was translated. */
  readonly to: string
  readonly port: number
}

const line =
  /\[NEW\]\s+(tcp(?=\s+\d+ \d+ SYN_SENT )|udp)\s.*?\bsrc=(\S+) dst=\S+ .*?\[UNREPLIED\] src=(\S+) dst=\S+ sport=(\d+) /

/**
 * A connection that conntrack(8) tells of with `--event --event-mask NEW`: who opened it, by the first tuple, and who is
 * to answer, by the second. Undefined for what has no ports, and for TCP that was not begun but taken up in the middle:
 * the last words of a connection that the kernel had forgotten, whoever says them.
 */
export function parseConntrack(text: string): Connection | undefined {
  const [, protocol, from, to, port] = line.exec(text) ?? []
  if (protocol === undefined || from === undefined || to === undefined) return undefined
  return { protocol: protocol === 'tcp' ? 'TCP' : 'UDP', from, to, port: Number(port) }
}
