import t from 'tap'
import { parseCpuMs, parseResidentKiB } from './pod-usage.ts'

t.test('processor time is read in the form of either version of control groups', async (t) => {
  t.equal(parseCpuMs('1234567890\n'), 1235)
  t.equal(parseCpuMs('usage_usec 2500499\nuser_usec 2000000\nsystem_usec 500499\n'), 2500)
  t.equal(parseCpuMs('user_usec 2000000\n'), undefined)
  t.equal(parseCpuMs(''), undefined)
})

t.test('resident memory is read from the status of a process, and is nothing for one that has ended', async (t) => {
  t.equal(parseResidentKiB('Name:\tnode\nVmHWM:\t  200000 kB\nVmRSS:\t  101376 kB\nThreads:\t11\n'), 101_376)
  t.equal(parseResidentKiB('Name:\tnode\nState:\tZ (zombie)\n'), 0)
})
