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

export function count(from: Fields, field: string, otherwise = 0): number {
  const value = from[field]
  return typeof value === 'number' ? value : otherwise
}
