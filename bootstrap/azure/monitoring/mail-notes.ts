/** What a person has to do before Alertmanager tells somebody; mail for the addresses that are shipped goes to nobody. */
export function mailNotes(values: Readonly<Record<string, unknown>>, hasSecret: boolean): readonly string[] {
  const isExample = JSON.stringify(values['alertmanager'] ?? {}).includes('@example.com')
  return hasSecret && !isExample ? [] : [note]
}

const note =
  'Nobody is told of alerts yet: dashboards/README.md says which Secret and values Alertmanager needs; type the same ' +
  'again then'
