import t from 'tap'
import {
  deliveryLabel,
  formatOwner,
  leaderLabel,
  operatorAnnotations,
  ownerAnnotation,
  parseOwner,
  reportingController,
} from './annotations.ts'

t.test('every name lies under our domain, and none means two things', (t) => {
  const names = [...Object.values(operatorAnnotations), deliveryLabel, ownerAnnotation, leaderLabel]
  for (const name of [...names, reportingController]) t.match(name, /^windlass\.dev\/[a-z]+(-[a-z]+)*$/)
  t.equal(new Set(names).size, names.length)
  t.end()
})

t.test('an owner is read as it was written', (t) => {
  const owner = { namespace: 'predictor', name: 'predictor', uid: '0f5b2c1a-2d5e-4c43-9f0e-0b4f9d0f7a11' }
  t.same(parseOwner(formatOwner(owner)), owner)
  t.end()
})

t.test('a text that is not an owner is told apart', (t) => {
  for (const text of ['', 'a', 'a/b', 'a//c', '/b/c', 'a/b/', 'a/b/c/d']) t.equal(parseOwner(text), undefined, text)
  t.end()
})
