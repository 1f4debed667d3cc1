/** One row of ARCHITECTURE.md's table behaviour → file → export. */
export interface ArchitectureRow {
  readonly behaviour: string
  readonly file: string
  readonly exported: string
}

/** Reads rows of the form "| behaviour | `path` | `name` |" from the section that starts with the given heading. */
export function readArchitectureTable(markdown: string, heading: string): readonly ArchitectureRow[] {
  const [, section = ''] = markdown.split(`\n## ${heading}\n`)
  const [table = ''] = section.split('\n## ')
  return [...table.matchAll(/^\| (?<behaviour>[^|]+?) +\| `(?<file>[^`|]+)` +\| `(?<exported>[^`|]+)` +\|$/gm)].map(
    ({ groups }) => ({
      behaviour: groups?.['behaviour'] ?? '',
      file: groups?.['file'] ?? '',
      exported: groups?.['exported'] ?? '',
    }),
  )
}

/** Whether a TypeScript source exports a function, constant, class or type of that name. */
export function exportsName(source: string, name: string): boolean {
  const declared = new RegExp(`^export (async )?(function|const|class|interface|type) ${RegExp.escape(name)}\\b`, 'm')
  return declared.test(source)
}
