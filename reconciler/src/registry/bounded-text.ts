/** Where a text may name a tag, this much is kept: what is longer names none, and neither does what is left of it. */
export const longestRevision = 128

/**
 * The beginning of a text of others, where it is to be kept or told. A copy: a part of a text would hold the whole of
 * it in memory. What was cut ends with `…`, which stands in no tag, digest or media type.
 */
export function boundedText(text: string, mostLength: number): string {
  if (text.length <= mostLength) return text
  return `${Buffer.from(text.slice(0, mostLength - 1).toWellFormed()).toString()}…`
}
