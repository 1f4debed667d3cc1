import t from 'tap'
import { CommandFailed } from '../local/run.ts'
import type { Call } from './call.ts'
import { explained, failureOf } from './explained.ts'
import { Problem } from './problem.ts'

const call: Call = { program: 'az', args: ['version'] }
const failed = new CommandFailed('az version ended with 1: no', { exitCode: 1, stderr: 'no' })
const text = { what: 'az version', why: 'it says no', mend: 'ask again' }

t.test('a failed call is a problem, which still has what the program said', async (t) => {
  const calls: Call[] = []
  const run = explained(
    async (call) => {
      calls.push(call)
      throw failed
    },
    (error, { program }) => ({ ...text, why: `${program} says ${error.stderr}` }),
  )
  const error = await run(call).catch((error: unknown) => error)
  t.match(error, { name: 'Problem', message: 'az version: az says no\n  To mend: ask again' })
  t.equal(failureOf(error), failed)
  t.equal(calls.length, 1)
})

t.test('any other error is told as it is', async (t) => {
  const interrupted = new Error('interrupted by SIGINT')
  const run = explained(
    async () => {
      throw interrupted
    },
    () => text,
  )
  t.equal(await run(call).catch((error: unknown) => error), interrupted)
})

t.test('the failure of a program is found in what it is told by, and in nothing else', async (t) => {
  t.equal(failureOf(failed), failed)
  for (const other of [new Problem(text), new Error('no', { cause: failed }), 'no', undefined]) {
    t.equal(failureOf(other), undefined)
  }
})
