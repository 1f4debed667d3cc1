import { PassThrough, Readable } from 'node:stream'
import t from 'tap'
import { isConfirmed } from './confirm.ts'

const ask = async (typed: string) => {
  const output = new PassThrough()
  const { signal } = new AbortController()
  const answer = await isConfirmed('All of it goes.', 'dev', { input: Readable.from([typed]), output, signal })
  return { answer, asked: String(output.read()) }
}

t.test('only the very word counts', async (t) => {
  t.equal((await ask('dev\n')).answer, true)
  for (const typed of ['prod\n', 'y\n', 'yes\n', 'DEV\n', 'dev prod\n', '\n', '']) {
    t.equal((await ask(typed)).answer, false, JSON.stringify(typed))
  }
})

t.test('what goes is said before the question', async (t) => {
  t.match((await ask('dev\n')).asked, /^All of it goes\.\nType dev to go on: /)
})
