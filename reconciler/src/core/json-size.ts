/**
 * How many bytes of UTF-8 a value has as JSON, counted without writing it; above `most` it is some number above that,
 * and no more is counted. What several places share counts in each of them, as JSON writes it.
 */
export function jsonSize(value: unknown, most: number): number {
  if (typeof value === 'string') return textSize(value, most)
  if (typeof value !== 'object' || value === null) return String(value).length
  const isList = Array.isArray(value)
  let bytes = 2
  for (const [index, [key, item]] of Object.entries(value).entries()) {
    const comma = index === 0 ? 0 : 1
    bytes += comma + (isList ? 0 : textSize(key, most - bytes) + 1)
    if (bytes <= most) bytes += jsonSize(item, most - bytes)
    if (bytes > most) return bytes
  }
  return bytes
}

function textSize(text: string, most: number): number {
  return text.length > most ? text.length : Buffer.byteLength(JSON.stringify(text))
}
