/** Text of others as it goes into status: on one line, bounded, and without the queries of URLs, which may be secrets. */
export function oneLine(text: string, maxLength = 1024): string {
  const line = text
    .replaceAll(/https?:\/\/[^\s"']*/gu, withoutQuery)
    .replaceAll(/\s+/gu, ' ')
    .trim()
  return line.length > maxLength ? `${line.slice(0, maxLength - 1).toWellFormed()}…` : line
}

/** Each address is run through once: a text that is all addresses, megabytes of them, must hold up nobody. */
function withoutQuery(url: string): string {
  const [address = ''] = url.split('?', 1)
  return address
}
