/** Where the documents of this repository are read; a fork writes its own address here and runs `npm run generate`. */
const documents = 'https://github.com/contoso/windlass/blob/main'

/** The page whose headings alerts link to. */
export const runbookPage = 'docs/operations.md'

/** The entry of an alert: a heading that is its name. */
export function runbookUrl(alert: string): string {
  return `${documents}/${runbookPage}#${alert.toLowerCase()}`
}
