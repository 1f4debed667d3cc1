/** Fields of objects of which we know but a part: what is not there, or of another type, reads as empty. */
export type Fields = Readonly<Record<string, unknown>>

export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

export function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fields) : []
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/**
 * What a component says in words, for patterns to be looked for in: at most 4096 UTF-16 code units, of a longer one its
 * beginning and its end, where a cause is wrapped and where it is named. No text of others takes minutes to be read.
 */
export function words(value: unknown): string {
  const whole = text(value)
  if (whole.length <= mostWords) return whole
  const half = mostWords / 2
  return `${whole.slice(0, half - 1)}…${whole.slice(-half)}`.toWellFormed()
}

const mostWords = 4096

export function count(from: Fields, field: string, otherwise = 0): number {
  const value = from[field]
  return typeof value === 'number' ? value : otherwise
}
