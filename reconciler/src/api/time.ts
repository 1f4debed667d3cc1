const rfc3339 = /^(\d{4}-\d{2}-\d{2})T(?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Epoch milliseconds of an RFC 3339 time, or undefined where the text is none: `2026-02-30T00:00:00Z` is no time. */
export function parseTime(text: string): number | undefined {
  const [, date] = rfc3339.exec(text) ?? []
  if (date === undefined) return undefined
  const ms = Date.parse(text)
  // A day that the month has not is read as one of the next.
  const day = new Date(`${date}T00:00:00Z`)
  return Number.isNaN(ms) || Number.isNaN(day.getTime()) || !day.toISOString().startsWith(date) ? undefined : ms
}

/** RFC 3339 in UTC with milliseconds: a rollout's steps are apart by less than a second. */
export function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString()
}

/** Whether RFC 3339 can write it: the years 0 to 9999, and so whether status can hold it. */
export function isWritableTime(epochMs: number): boolean {
  return epochMs <= lastMs && epochMs >= Date.parse('0000-01-01T00:00:00Z')
}
