import t from 'tap'
import { oneLine } from './one-line.ts'

t.test('a text of many lines becomes one', (t) => {
  t.equal(oneLine(' first\n\tsecond\r\n third '), 'first second third')
  t.end()
})

t.test('a text is bounded, and no character is cut in two', (t) => {
  t.equal(oneLine('abcdef', 6), 'abcdef')
  t.equal(oneLine('abcdefg', 6), 'abcde…')
  t.ok(oneLine('abcd𐍈fg', 6).isWellFormed())
  t.end()
})

t.test('what follows a question mark in a URL is left out: signatures stand there', (t) => {
  const url = 'https://contoso.blob.core.windows.net/a/b?se=2026&sig=c2VjcmV0'
  t.equal(oneLine(`Get "${url}": i/o timeout`), 'Get "https://contoso.blob.core.windows.net/a/b": i/o timeout')
  t.equal(oneLine('is it there? yes'), 'is it there? yes')
  t.end()
})

t.test('an address within an address, as a redirect has it, loses what follows the question mark too', (t) => {
  t.equal(oneLine('Get http://a.example/http://b.example?sig=c: EOF'), 'Get http://a.example/http://b.example EOF')
  t.end()
})

t.test('a megabyte that is all addresses is read once', (t) => {
  const startedMs = performance.now()
  t.equal(oneLine('http://'.repeat(150_000)).length, 1024)
  t.ok(performance.now() - startedMs < 5_000)
  t.end()
})
