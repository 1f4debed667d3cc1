import t from 'tap'
import { abandoned, nameOfOwn } from './abandoned.ts'

t.test('only what is named after a process that is gone is abandoned', async (t) => {
  const names = ['demo', 'local', 'test-17', 'test-18', 'bench-19', 'bench-18', 'test-1f', 'my-test-17', 'test-17-b']

  t.same(
    abandoned(names, (pid) => pid === 18),
    ['test-17', 'bench-19'],
  )
})

t.test('what this process brings up is not', async (t) => {
  const names = [nameOfOwn('test'), nameOfOwn('bench')]

  t.same(
    abandoned(names, (pid) => pid === process.pid),
    [],
  )
  t.same(
    abandoned(names, () => false),
    names,
    'but it is once this process is gone',
  )
})
