import t from 'tap'
import { formatLabelSelector } from './pods.ts'

t.test('a selector is written as a query takes it', (t) => {
  t.equal(formatLabelSelector({ matchLabels: { app: 'web', tier: 'front' } }), 'app=web,tier=front')
  const matchExpressions = [
    { key: 'a', operator: 'In', values: ['1', '2'] },
    { key: 'b', operator: 'NotIn', values: ['3'] },
    { key: 'c', operator: 'Exists' },
    { key: 'd', operator: 'DoesNotExist' },
  ]
  t.equal(formatLabelSelector({ matchLabels: { app: 'web' }, matchExpressions }), 'app=web,a in (1,2),b notin (3),c,!d')
  t.end()
})

t.test('a selector that says nothing, or what is not known, selects nothing', (t) => {
  t.throws(() => formatLabelSelector({}), { message: /every pod/ })
  t.throws(() => formatLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Gt' }] }), { message: /operator Gt/ })
  t.end()
})
