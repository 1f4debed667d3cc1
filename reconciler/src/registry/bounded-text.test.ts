import t from 'tap'
import { boundedText } from './bounded-text.ts'

t.test('a text within the bound is left as it is, and a longer one is cut to it', (t) => {
  t.equal(boundedText('abcd', 4), 'abcd')
  t.equal(boundedText('abcde', 4), 'abc…')
  t.equal(boundedText('', 4), '')
  t.ok(boundedText('ab😀de', 4).isWellFormed(), 'not in the middle of a character')
  t.end()
})
