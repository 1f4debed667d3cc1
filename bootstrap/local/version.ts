/** Whether a version like `v1.2.3` or `1.2.3-rc1` is that one or newer, by as many numbers as are wanted. */
export function isAtLeast(version: string, wanted: string): boolean {
  const have = numbersOf(version)
  for (const [index, number] of numbersOf(wanted).entries()) {
    const other = have[index] ?? 0
    if (other !== number) return other > number
  }
  return true
}

function numbersOf(version: string): readonly number[] {
  return version.replace(/^v/, '').split(/[.+-]/).map(Number)
}
