/** A block of IPv4 addresses, from its first to its last as unsigned integers. */
export interface Cidr {
  readonly text: string
  readonly first: number
  readonly last: number
  readonly prefix: number
}

/** Answers why the text is no block in the form that Azure takes: a network's own address and a prefix length. */
export function cidrProblem(text: string): string | undefined {
  const parts = /^(?<address>[0-9.]+)\/(?<prefix>\d{1,2})$/.exec(text)?.groups
  const address = parseAddress(parts?.['address'] ?? '')
  const prefix = Number(parts?.['prefix'])
  if (address === undefined || !(prefix <= 32)) return `'${text}' is not an IPv4 block such as 10.0.0.0/16`
  const first = address - (address % blockSize(prefix))
  if (first !== address) return `'${text}' is not the start of its block, which is ${printAddress(first)}/${prefix}`
  return undefined
}

/** @throws {RangeError} where {@link cidrProblem} has something to say. */
export function parseCidr(text: string): Cidr {
  const problem = cidrProblem(text)
  if (problem !== undefined) throw new RangeError(problem)
  const [address = '', prefixText = ''] = text.split('/')
  const first = parseAddress(address) ?? 0
  const prefix = Number(prefixText)
  return { text, first, last: first + blockSize(prefix) - 1, prefix }
}

/** An IPv4 address as an unsigned integer, or nothing where it is none. */
export function parseAddress(text: string): number | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined
  const bytes = text.split('.').map(Number)
  if (bytes.some((byte) => byte > 255)) return undefined
  return bytes.reduce((address, byte) => address * 256 + byte, 0)
}

export function overlaps(one: Cidr, other: Cidr): boolean {
  return one.first <= other.last && other.first <= one.last
}

export function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}

export function blockSize(prefix: number): number {
  return 2 ** (32 - prefix)
}

function printAddress(address: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join('.')
}
