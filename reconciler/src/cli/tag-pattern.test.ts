import t from 'tap'
import { tagPattern } from './tag-pattern.ts'

t.test('a pattern is of whole tags', async (t) => {
  const sha = 'a'.repeat(40)
  for (const pattern of ['[0-9a-f]{40}', '^[0-9a-f]{40}$']) {
    t.ok(tagPattern(pattern).test(sha), pattern)
    for (const other of [`pr-${sha}`, `${sha}-debug`]) t.notOk(tagPattern(pattern).test(other), `${pattern}: ${other}`)
  }
  t.notOk(tagPattern('v1|v2').test('v10'), 'each choice of it')
  t.ok(tagPattern('v1|v2').test('v2'))
})

t.test('what would be whole only with what stands around it is refused', async (t) => {
  for (const pattern of ['(', 'a)|(b', '[']) {
    t.throws(() => tagPattern(pattern), { message: 'It is not a regular expression.' }, pattern)
  }
})
