import t from 'tap'
import { isAtLeast } from './version.ts'

t.test('versions are compared by their numbers', async (t) => {
  for (const version of ['0.32.0', 'v0.32.0', '0.32.1', '0.100.0', '1.0', '0.33.0-alpha'])
    t.ok(isAtLeast(version, '0.32.0'), version)
  for (const version of ['0.31.9', 'v0.9.0', '0.31.0-alpha', '', 'nonsense'])
    t.notOk(isAtLeast(version, '0.32.0'), version)
})

t.test('numbers that are not asked for do not count', async (t) => {
  for (const version of ['3.11', '3.11.0', '3.11.2', '3.12', '4.0']) t.ok(isAtLeast(version, '3.11'), version)
  for (const version of ['3.10.99', '3', '2.12']) t.notOk(isAtLeast(version, '3.11'), version)
})
