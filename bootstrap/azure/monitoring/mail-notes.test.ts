import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { checkout } from '../../local/checkout.ts'
import { mailNotes } from './mail-notes.ts'

const shipped = await readFile(join(checkout, 'dashboards', 'kube-prometheus-stack', 'values.yaml'), 'utf8')
const valuesOf = (text: string) => parse(text) as Record<string, unknown>

t.test('without the Secret, and with the addresses that the values are shipped with, nobody is told', async (t) => {
  const told = /^Nobody is told of alerts yet/
  t.match(mailNotes({ alertmanager: { enabled: false } }, false), [told])
  t.match(mailNotes(valuesOf(shipped), true), [told])
})

t.test('with addresses of somebody nothing is left to do', async (t) => {
  t.same(mailNotes(valuesOf(shipped.replaceAll('example.com', 'contoso.com')), true), [])
})
