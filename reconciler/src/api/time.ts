/** Epoch milliseconds of an RFC 3339 time, or undefined where the text is none. */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

/** RFC 3339 in UTC with milliseconds: a rollout's steps are apart by less than a second. */
export function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
