/** Least, median and greatest of what was measured. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** The median of an even number is the mean of the two in the middle. Throws where there is nothing to sum up. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [min, max, upper] = [sorted[0], sorted.at(-1), sorted[middle]]
  if (min === undefined || max === undefined || upper === undefined) throw new Error('nothing was measured')
  const lower = sorted.length % 2 === 1 ? upper : (sorted[middle - 1] ?? upper)
  return { min, median: Math.round((lower + upper) / 2), max }
}

export function formatSpread({ min, median, max }: Spread): string {
  return `${min} / ${median} / ${max}`
}

/** Columns to the right, each as wide as its widest cell. */
export function formatTable(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [columns, ...rows].map((row) => row.map(String))
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  return lines.map((line) => line.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('   ')).join('\n')
}
