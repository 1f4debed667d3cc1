const unitMs = { h: 3_600_000, m: 60_000, s: 1_000 } as const

/** Milliseconds of a duration of hours, minutes and seconds in that order (`1h30m`), or undefined where it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(?:(?<h>\d+)h)?(?:(?<m>\d+)m)?(?:(?<s>\d+)s)?$/.exec(text)
  if (match === null || text === '') return undefined

  const { h = '0', m = '0', s = '0' } = match.groups ?? {}
  const ms = Number(h) * unitMs.h + Number(m) * unitMs.m + Number(s) * unitMs.s
  return Number.isSafeInteger(ms) ? ms : undefined
}

/** The same notation, to the second; for messages. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / unitMs.s))
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const
  return (
    parts
      .filter(([count]) => count > 0)
      .map(([count, unit]) => `${count}${unit}`)
      .join('') || '0s'
  )
}
