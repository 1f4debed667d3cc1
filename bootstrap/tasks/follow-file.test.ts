import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { followFile } from './follow-file.ts'

t.test('hands on what was added, once, from a file that comes later', async (t) => {
  const path = join(t.testdir(), 'results.tap')
  const texts: string[] = []
  const read = followFile(path, (text) => texts.push(text))
  read()
  appendFileSync(path, 'one\n')
  read()
  read()
  appendFileSync(path, 'two\n')
  read()
  t.same(texts, ['one\n', 'two\n'])
})

t.test('a character that was written by halves is handed on whole', async (t) => {
  const path = join(t.testdir(), 'results.tap')
  const bytes = Buffer.from('é')
  let text = ''
  const read = followFile(path, (part) => (text += part))
  appendFileSync(path, bytes.subarray(0, 1))
  read()
  appendFileSync(path, bytes.subarray(1))
  read()
  t.equal(text, 'é')
})
