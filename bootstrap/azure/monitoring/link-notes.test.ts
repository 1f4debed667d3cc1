import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runbookUrl } from '../../../dashboards/src/runbooks.ts'
import { checkout } from '../../local/checkout.ts'
import { linkNotes } from './link-notes.ts'

const shipped = await readFile(join(checkout, 'dashboards', 'rules', 'windlass.rules.yaml'), 'utf8')
const linkTo = (owner: string) =>
  shipped.replaceAll(/(?<=runbook_url: ).+\/docs\//g, `https://github.com/${owner}/windlass/blob/main/docs/`)

t.test('with the address that the links of alerts are shipped with it is said that they lead nowhere', async (t) => {
  t.match(shipped, `runbook_url: ${runbookUrl('WindlassNoLeader')}`)
  t.match(linkNotes(linkTo('contoso')), [/^The links of alerts lead nowhere yet: [^]*dashboards\/src\/runbooks\.ts/])
})

t.test('with an address of somebody nothing is left to do', async (t) => {
  t.same(linkNotes(linkTo('fabrikam')), [])
})
