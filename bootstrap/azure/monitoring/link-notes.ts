/** What a person has to do before the link of an alert leads to its entry; the one that is shipped is of no repository. */
export function linkNotes(rules: string): readonly string[] {
  return rules.includes('https://github.com/contoso/') ? [note] : []
}

const note =
  'The links of alerts lead nowhere yet: write the address of your repository in dashboards/src/runbooks.ts and run ' +
  'npm run generate; type the same again then'
