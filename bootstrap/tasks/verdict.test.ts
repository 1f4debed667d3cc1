import t from 'tap'
import { exitCodeOf } from './verdict.ts'

const well = { passed: 3, failed: 0, isIncomplete: false }

t.test('a run is well when something passed and nothing failed', async (t) => {
  t.equal(exitCodeOf(well, true), 0)
  t.equal(exitCodeOf({ ...well, failed: 1 }, false), 1)
  t.equal(exitCodeOf({ ...well, passed: 0 }, false), 1, 'nothing ran')
})

t.test('what was left out for want of root is told to a person, and fails in CI', async (t) => {
  t.equal(exitCodeOf({ ...well, isIncomplete: true }, false), 0)
  t.equal(exitCodeOf({ ...well, isIncomplete: true }, true), 1)
})

t.test('an interruption is told as a shell tells it', async (t) => {
  t.equal(exitCodeOf({ ...well, interruptedBy: 'SIGINT' }, false), 130)
  t.equal(exitCodeOf({ ...well, failed: 1, interruptedBy: 'SIGTERM' }, true), 143)
})
