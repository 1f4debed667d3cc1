import t from 'tap'
import { compileTagPattern, createTagPatterns } from './tag-pattern.ts'

const sha = '0123456789abcdef0123456789abcdef01234567'

const cases: Record<string, [pattern: string, tag: string, isMatch: boolean]> = {
  'the default pattern takes a full SHA': ['^[0-9a-f]{40}$', sha, true],
  'the default pattern takes no short SHA': ['^[0-9a-f]{40}$', sha.slice(0, 7), false],
  'the default pattern takes no SHA in upper case': ['^[0-9a-f]{40}$', sha.toUpperCase(), false],
  'the whole tag must match, also without anchors': ['[0-9a-f]{40}', `${sha}-dirty`, false],
  'an alternative does not loosen the anchors': ['^main$|^[0-9a-f]{40}$', `x${sha}`, false],
  'a trailing newline does not match': ['^[0-9a-f]{40}$', `${sha}\n`, false],
  'a prefix can be asked for': ['main-[0-9a-f]{7}', 'main-0123456', true],
}

for (const [name, [pattern, tag, isMatch]] of Object.entries(cases)) {
  t.test(name, (t) => {
    const compiled = compileTagPattern(pattern)
    t.equal(compiled.kind === 'pattern' && compiled.matches(tag), isMatch)
    t.end()
  })
}

t.test('what RE2 refuses is a value that says why', (t) => {
  for (const pattern of ['(', '(?=a)', '(a)\\1', '((a{1000}){1000}){1000}', '[z-a]', '\\']) {
    t.match(compileTagPattern(pattern), { kind: 'invalid', problem: /is not an RE2 expression: / }, pattern)
  }
  t.end()
})

t.test('a pattern that makes backtracking engines hang is decided at once', (t) => {
  const compiled = compileTagPattern('((a+)+)+b')
  t.equal(compiled.kind === 'pattern' && compiled.matches('a'.repeat(100_000)), false)
  t.end()
})

t.test('a pattern is compiled once, whether it is one or not, and forgotten when many came after it', (t) => {
  const patternOf = createTagPatterns()
  for (const text of ['a+', '(']) {
    const first = patternOf(text)
    t.equal(patternOf(text), first)
    t.strictSame(first.kind, compileTagPattern(text).kind)
    for (let n = 0; n < 100; n += 1) patternOf(`b{${n}}`)
    t.not(patternOf(text), first)
  }
  t.end()
})
