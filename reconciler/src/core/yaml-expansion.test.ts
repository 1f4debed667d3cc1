import * as fc from 'fast-check'
import t from 'tap'
import { parseDocument } from 'yaml'
import { expansionOf } from './yaml-expansion.ts'

const hundred = 'x'.repeat(100)

/** Sentence by sentence: the YAML, its aliases, its depth, and how often the hundred characters count. */
const cases: Record<string, [yaml: string, aliases: number, depth: number, times: number]> = {
  'nothing is nothing': ['', 0, 0, 0],
  'a text counts once': [`a: ${hundred}`, 0, 1, 1],
  'so does a key': [`? ${hundred}\n: 1`, 0, 1, 1],
  'an alias counts as what it stands for': [`a: &a ${hundred}\nb: *a`, 1, 1, 2],
  'an alias as a key does too': [`a: &a ${hundred}\n*a : 1`, 1, 1, 2],
  'an anchor inside another counts with it': [`a: &a [&b ${hundred}, *b]\nc: [*a, *a]`, 3, 3, 6],
  'a merge key counts as what it merges': [`a: &a { b: ${hundred} }\nc: { <<: *a }`, 1, 3, 2],
  'a list of merges counts as all of them': [`a: &a { b: ${hundred} }\nc: { <<: [*a, *a] }`, 2, 4, 3],
  'an anchor that is set again is the later one': [`a: &a ${hundred}\nb: &a 1\nc: *a`, 1, 1, 1],
  'an alias of nothing is nothing': ['a: *a', 1, 1, 0],
  'depth grows through aliases': ['a: &a [[1]]\nb: &b [[*a]]\nc: [[*b]]', 2, 7, 0],
}
for (const [sentence, [yaml, aliases, depth, times]] of Object.entries(cases)) {
  t.test(sentence, (t) => {
    const expansion = expansionOf(parseDocument(yaml, { merge: true }))
    t.match(expansion, { aliases, depth })
    t.equal(Math.floor(expansion.length / 100), times, `length ${expansion.length}`)
    t.end()
  })
}

t.test('an anchor that holds itself has no end', (t) => {
  t.strictSame(expansionOf(parseDocument('a: &a [*a]')), { aliases: 1, length: Infinity, depth: Infinity })
  t.end()
})

t.test('never shorter than the JSON of plain texts, however they are shared', (t) => {
  const levels = fc.array(fc.array(fc.nat({ max: 4 }), { maxLength: 4 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(levels, (levels) => {
      const lines = levels.map((refs, level) => {
        const items = refs.map((ref) => (level === 0 ? `t${ref}` : `*l${ref % level}`))
        return `l${level}: &l${level} [${items.join(', ')}]`
      })
      const document = parseDocument(lines.join('\n'))
      return expansionOf(document).length >= JSON.stringify(document.toJS({ maxAliasCount: -1 })).length
    }),
  )
  t.pass('held for every generated document')
  t.end()
})
