/** Text of others as it goes into status: on one line, bounded, and without the queries of URLs, which may be secrets. */
export function oneLine(text: string, maxLength = 1024): string {
  const line = text
    .replaceAll(/(https?:\/\/[^\s"'?]+)\?[^\s"']*/gu, '$1')
    .replaceAll(/\s+/gu, ' ')
    .trim()
  return line.length > maxLength ? `${line.slice(0, maxLength - 1).toWellFormed()}…` : line
}
