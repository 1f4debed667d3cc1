import t from 'tap'
import type { InventoryEntry } from '../api/delivery.ts'
import { contestWindowMs, endContests, isContested, mostCorrections, noteCorrections } from './contested.ts'
import { startMs } from './test-builders.ts'

const web: InventoryEntry = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', hash: 'h' }
const settings: InventoryEntry = { apiVersion: 'v1', kind: 'ConfigMap', name: 'settings', hash: 'h' }

/** Corrected as often, with that much time from one to the next. */
function corrected(times: number, everyMs: number): InventoryEntry[] {
  const moments = Array.from({ length: times }, (_, index) => startMs + index * everyMs)
  return moments.reduce<InventoryEntry[]>((inventory, atMs) => noteCorrections(inventory, [web], atMs), [web, settings])
}

t.test('the fifth correction within ten minutes is the last', (t) => {
  t.notOk(isContested({ inventory: corrected(mostCorrections - 1, 1_000) }, web))
  t.ok(isContested({ inventory: corrected(mostCorrections, 1_000) }, web))
  t.notOk(isContested({ inventory: corrected(mostCorrections, 1_000) }, settings), 'each object by itself')
  t.notOk(isContested({}, web))
  t.end()
})

t.test('corrections that lie apart are no contest, however many', (t) => {
  const apart = contestWindowMs / (mostCorrections - 1)
  t.ok(isContested({ inventory: corrected(mostCorrections, apart - 1) }, web))
  t.notOk(isContested({ inventory: corrected(mostCorrections, apart) }, web))
  t.notOk(isContested({ inventory: corrected(50, apart) }, web))
  t.end()
})

t.test('it lasts, however long ago, until a release ends it', (t) => {
  const inventory = corrected(mostCorrections, 1_000)
  t.ok(isContested({ inventory: noteCorrections(inventory, [settings], startMs + 100 * contestWindowMs) }, web))
  t.same(endContests(inventory), [web, settings])
  t.end()
})

t.test('one that is corrected all the same, because somebody asked, is counted anew', (t) => {
  const inventory = noteCorrections(corrected(mostCorrections, 1_000), [web], startMs + 60_000)
  t.notOk(isContested({ inventory }, web))
  t.equal(inventory[0]?.corrections?.length, 1)
  t.end()
})
