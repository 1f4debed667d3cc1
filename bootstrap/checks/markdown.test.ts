import t from 'tap'
import { codeBlocks, codeSpans, firstParagraphOf, headingsOf, sectionOf, strayNames, tableRows } from './markdown.ts'

const markdown = [
  '# Page',
  '## One',
  'It begins',
  'here with `a` and `b`.',
  '',
  '```sh',
  '# no heading, `no span`',
  '| no | row |',
  'echo one',
  '```',
  '',
  '### Below one',
  '| name | value |',
  '| ---- | ----: |',
  String.raw`| \`x\` | 1 \| 2 |`.replaceAll('\\`', '`'),
  '1. A step',
  '',
  '   ```sh',
  '   echo two',
  '     echo three',
  '   ```',
  '',
  '## Two',
  'End.',
].join('\n')

t.test('a section ends where the next heading of its level begins, whatever its code blocks hold', async (t) => {
  t.match(sectionOf(markdown, 'One'), /^It begins[\s\S]*echo three/)
  t.notMatch(sectionOf(markdown, 'One'), /End\./)
  t.equal(sectionOf(markdown, 'Two'), 'End.')
  t.equal(sectionOf(markdown, 'no heading, `no span`'), undefined)
  t.equal(sectionOf(markdown, 'Three'), undefined)
})

t.test('headings, spans, rows and code blocks are told apart', async (t) => {
  t.same(
    headingsOf(markdown).map(({ level, title }) => `${level} ${title}`),
    ['1 Page', '2 One', '3 Below one', '2 Two'],
  )
  t.same(codeSpans(markdown), ['a', 'b', 'x'])
  t.same(tableRows(markdown), [['`x`', '1 | 2']])
  t.same(codeBlocks(markdown, 'sh'), ['# no heading, `no span`\n| no | row |\necho one\n', 'echo two\n  echo three\n'])
  t.same(codeBlocks(markdown, 'yaml'), [])
  t.equal(firstParagraphOf(sectionOf(markdown, 'One') ?? ''), 'It begins here with `a` and `b`.')
})

t.test('a name that is not known is told with its page, once', async (t) => {
  const pages = [
    { path: 'a.md', text: 'KEY_ONE, KEY_TWO, KEY_TWO' },
    { path: 'b.md', text: 'KEY_ONE' },
  ]
  t.same(strayNames(pages, /\bKEY_[A-Z]+\b/g, new Set(['KEY_ONE'])), [{ path: 'a.md', name: 'KEY_TWO' }])
})
