const longestMs = 3_600_000

/**
 * How long an answer asks to wait, in milliseconds: seconds or a date (RFC 9110, 10.2.3), an hour at most, so that one
 * wrong header can't stop us for good. A date is read against the answer's own, so that the clocks need not agree.
 */
export function parseRetryAfter(
  { 'retry-after': retryAfter, date }: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
): number | undefined {
  if (typeof retryAfter !== 'string') return undefined
  const text = retryAfter.trim()
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, longestMs)

  const untilMs = parseHttpDate(text)
  if (untilMs === undefined) return undefined
  const answeredMs = (typeof date === 'string' ? parseHttpDate(date) : undefined) ?? nowMs
  return Math.min(Math.max(untilMs - answeredMs, 0), longestMs)
}

function parseHttpDate(text: string): number | undefined {
  if (!/^[A-Za-z]{3,9}, /.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
