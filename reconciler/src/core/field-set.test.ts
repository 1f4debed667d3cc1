import t from 'tap'
import { hasPath, unionOf, withoutPath } from './field-set.ts'

const leaf = {}

t.test('a union holds what either holds', (t) => {
  t.same(unionOf({ 'f:a': leaf }, { 'f:b': { 'f:c': leaf } }), { 'f:a': leaf, 'f:b': { 'f:c': leaf } })
  t.same(unionOf({ 'f:a': { 'f:b': leaf } }, { 'f:a': { 'f:c': leaf } }), { 'f:a': { 'f:b': leaf, 'f:c': leaf } })
  t.same(unionOf({}, { 'f:a': leaf }), { 'f:a': leaf })
  t.end()
})

t.test('a union of a thing as a whole and of fields below it holds both', (t) => {
  const both = { 'f:a': { '.': leaf, 'f:b': leaf } }
  t.same(unionOf({ 'f:a': leaf }, { 'f:a': { 'f:b': leaf } }), both)
  t.same(unionOf({ 'f:a': { 'f:b': leaf } }, { 'f:a': leaf }), both)
  t.same(unionOf({ 'f:a': { '.': leaf } }, { 'f:a': { 'f:b': leaf } }), both)
  t.end()
})

t.test('a set less a path holds the rest, and nothing that is empty', (t) => {
  const set = { 'f:spec': { 'f:replicas': leaf, 'f:selector': leaf }, 'f:data': { 'f:a': leaf } }
  t.same(withoutPath(set, ['f:spec', 'f:replicas']), { 'f:spec': { 'f:selector': leaf }, 'f:data': { 'f:a': leaf } })
  t.same(withoutPath(set, ['f:data', 'f:a']), { 'f:spec': set['f:spec'] })
  t.same(withoutPath(set, ['f:data']), { 'f:spec': set['f:spec'] })
  t.equal(withoutPath(set, ['f:none', 'f:a']), set)
  t.same(withoutPath({ 'f:a': { '.': leaf, 'f:b': leaf } }, ['f:a', 'f:b']), { 'f:a': { '.': leaf } })
  t.same(withoutPath({ 'f:a': leaf }, ['f:a', 'f:b']), { 'f:a': leaf })
  t.end()
})

t.test('a path is in a set or it is not', (t) => {
  t.ok(hasPath({ 'f:spec': { 'f:replicas': leaf } }, ['f:spec', 'f:replicas']))
  t.notOk(hasPath({ 'f:spec': leaf }, ['f:spec', 'f:replicas']))
  t.end()
})
