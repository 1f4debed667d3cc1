import * as fc from 'fast-check'
import t from 'tap'
import { stringify } from 'yaml'
import { parseManifests } from './manifest-yaml.ts'

t.test('each document is a value, and documents of comments alone are none', (t) => {
  t.strictSame(parseManifests('a: 1\n---\n# nothing here\n---\nb: [true, null, "x"]\n...\n---\n'), {
    kind: 'parsed',
    documents: [{ a: 1 }, { b: [true, null, 'x'] }],
  })
  t.strictSame(parseManifests(''), { kind: 'parsed', documents: [] })
  t.strictSame(parseManifests('# a comment\n'), { kind: 'parsed', documents: [] })
  t.end()
})

t.test('anchors and merge keys mean what they mean to kubectl', (t) => {
  t.strictSame(parseManifests('base: &base { a: 1, b: 2 }\nother:\n  <<: *base\n  b: 3\n'), {
    kind: 'parsed',
    documents: [{ base: { a: 1, b: 2 }, other: { a: 1, b: 3 } }],
  })
  t.strictSame(parseManifests('a: &a { b: 1 }\nc: &c { d: 1 }\ne:\n  <<: [*a, *c]\n'), {
    kind: 'parsed',
    documents: [{ a: { b: 1 }, c: { d: 1 }, e: { b: 1, d: 1 } }],
  })
  t.end()
})

const refused: Record<string, [yaml: string, problem: string | RegExp]> = {
  'a plain on': ['env:\n  DEBUG: on\n', 'line 2: plain "on" is a boolean to kubectl: quote it, or write true or false'],
  'a plain No': ['a: No', /plain "No" is a boolean/],
  'a plain y as a key': ['y: 1', /plain "y" is a boolean/],
  'an octal mode': ['defaultMode: 0644', /line 1: plain "0644" is an octal number to kubectl: write it in decimal/],
  'a number of digits with a leading zero': ['revision: 0123456', /octal/],
  'an octal of YAML 1.2': ['mode: 0o644', /not read alike/],
  'a binary number': ['a: 0b11', /not read alike/],
  'a signed hexadecimal number': ['a: +0xff', /not read alike/],
  'a hexadecimal number with a large X': ['a: 0XFF', /not read alike/],
  'a hexadecimal number with underscores': ['a: 0xF_F', /not read alike/],
  'a binary number with a large B': ['a: 0B11', /not read alike/],
  'an octal with a large O': ['a: 0O14', /not read alike/],
  'a number with underscores': ['build: 2026_01', /without underscores/],
  'a power of ten with underscores': ['a: 1_0e3', /without underscores/],
  'a signed number that begins with an underscore': ['a: -_1', /without underscores/],
  'a quoted text with the tag of a number': [
    'a: !!int "012"',
    'line 1: "012" is quoted and tagged as a number: write it plain',
  ],
  'a number that JSON has not': ['a: .inf', /can't be sent as JSON/],
  'a number that loses digits': ['id: 12345678901234567890', /too large to be kept exactly/],
  'a key that stands twice': ['a: 1\nb: 2\na: 3\n', 'line 3: key "a" stands twice'],
  'two merge keys in one mapping': [
    'a: &a { b: 1 }\nc: &c { d: 1 }\ne:\n  <<: *a\n  <<: *c\n',
    'line 5: several merge keys stand in one mapping: write one, with a list: <<: [*a, *b]',
  ],
  'keys that are the same in JSON': ['1: a\n"1": b\n', /key "1" stands twice/],
  'a mapping as a key': ['? {a: 1}\n: b\n', /mapping is no key/],
  'a list as a key': ['? [a]\n: b\n', 'line 1: a list is no key'],
  'an alias as a key': ['a: &a { b: 1 }\n*a : 2\n', 'line 2: an alias is no key: write the text itself'],
  'a key that an alias repeats': ['a: &a foo\nfoo: 1\n*a : 2\n', /alias is no key/],
  'nothing as a key': ['~: 1', 'line 1: null is no key: quote it'],
  'a tag of its own': ['a: !secret x', /Unresolved tag/],
  'a binary tag': ['a: !!binary aGk=', /Unresolved tag/],
  'a version directive': ['%YAML 1.1\n---\na: yes\n', /%YAML directive/],
  'bad indentation': ['a:\n  b: 1\n c: 2\n', /line 3/],
  'an alias of nothing': ['a: *nothing', /nothing/],
  'a tab as indentation': ['a:\n\tb: 1\n', /line 2/],
}

for (const [name, [yaml, problem]] of Object.entries(refused)) {
  t.test(`${name} is refused`, (t) => {
    const parsed = parseManifests(yaml)
    t.match(parsed, { kind: 'invalid', problems: [problem] })
    t.end()
  })
}

t.test('what both read alike is taken', (t) => {
  const yaml =
    'a: 0\nb: 420\nc: -1.5\nd: 0x1f\ne: "on"\nf: \'0644\'\ng: 1e3\nh: 10:30\ni: 2026-01-01\nj: ~\nk: on-call\nl: True\nm: 1_a\nr: -_\no: 0xg_1\np: !!str 12\nq: !!str "012"\n'
  t.strictSame(parseManifests(yaml), {
    kind: 'parsed',
    documents: [
      {
        a: 0,
        b: 420,
        c: -1.5,
        d: 31,
        e: 'on',
        f: '0644',
        g: 1000,
        h: '10:30',
        i: '2026-01-01',
        j: null,
        k: 'on-call',
        l: true,
        m: '1_a',
        r: '-_',
        o: '0xg_1',
        p: '12',
        q: '012',
      },
    ],
  })
  t.end()
})

t.test('a block of text is a text, whatever stands in it', (t) => {
  t.strictSame(parseManifests('data:\n  config: |\n    debug: on\n    mode: 0644\n'), {
    kind: 'parsed',
    documents: [{ data: { config: 'debug: on\nmode: 0644\n' } }],
  })
  t.end()
})

t.test('every problem is named, twenty of them at most', (t) => {
  const parsed = parseManifests(Array.from({ length: 30 }, (_, i) => `k${i}: on`).join('\n'))
  t.equal(parsed.kind === 'invalid' && parsed.problems.length, 21)
  t.equal(parsed.kind === 'invalid' && parsed.problems.at(-1), 'and 10 more')
  t.end()
})

t.test('aliases that multiply are refused', (t) => {
  const levels = Array.from({ length: 9 }, (_, i) => {
    const before = i === 0 ? '"x"' : `*l${i - 1}`
    return `l${i}: &l${i} [${Array.from({ length: 9 }, () => before).join(', ')}]`
  })
  t.match(parseManifests(levels.join('\n')), {
    kind: 'invalid',
    problems: ['document 1: with its aliases and merge keys written out there would be more than 8388608 characters'],
  })
  t.end()
})

const small = 'a: 1\n---\n'
const keys = Array.from({ length: 2_000 }, (_, i) => `  key${i}: 1234567890\n`).join('')
/** What a small text stands for, just within a bound and just beyond it. */
const expansions: Record<string, [within: string, beyond: string, problem: RegExp]> = {
  'one long text that many places share': [
    `${small}a: &a ${'x'.repeat(80_000)}\nb: [${'*a,'.repeat(98)}]`,
    `${small}a: &a ${'x'.repeat(90_000)}\nb: [${'*a,'.repeat(98)}]`,
    /^document 2: .* more than 8388608 characters/,
  ],
  'a large mapping that is merged many times': [
    `a: &a\n${keys}b:\n${'- <<: *a\n'.repeat(20)}`,
    `a: &a\n${keys}b:\n${'- <<: *a\n'.repeat(500)}`,
    /^document 1: .* more than 8388608 characters/,
  ],
  'texts that are large in several documents together': [
    `a: &a ${'x'.repeat(80_000)}\nb: [${'*a,'.repeat(45)}]\n---\n`.repeat(2),
    `a: &a ${'x'.repeat(80_000)}\nb: [${'*a,'.repeat(45)}]\n---\n`.repeat(3),
    /^document 3: .* more than 8388608 characters/,
  ],
  'many aliases of little': [
    `a: &a 1\nb: [${'*a,'.repeat(1_000)}]`,
    `a: &a 1\nb: [${'*a,'.repeat(1_001)}]`,
    /^document 1: .* more than 1000 aliases/,
  ],
  'levels that are built by aliases': [nest(19), nest(20), /^document 1: more than 200 levels deep/],
}
for (const [name, [within, beyond, problem]] of Object.entries(expansions)) {
  t.test(`${name}: refused beyond a bound, with the document named`, (t) => {
    t.equal(parseManifests(within).kind, 'parsed')
    t.match(parseManifests(beyond), { kind: 'invalid', problems: [problem] })
    t.end()
  })
}

t.test('mappings within mappings are refused at any depth, also once the parser alone can follow them', (t) => {
  const nested = (levels: number) => Array.from({ length: levels }, (_, level) => `${' '.repeat(level)}a:`).join('\n')
  // Code that ran often needs less of the stack: the parser comes further then than what walks through its tree.
  for (let i = 0; i < 60; i += 1) parseManifests(nested(600))
  for (let levels = 1_400; levels <= 2_000; levels += 40) {
    t.equal(parseManifests(nested(levels)).kind, 'invalid', `${levels} levels`)
  }
  t.end()
})

t.test('a problem quotes no more of a text than a person reads', (t) => {
  const long = 'x'.repeat(100_000)
  for (const yaml of [`a: !${long} b`, `a: *${long}`, `a: |${long}\n b`, `%${long}\n---\na: 1`]) {
    const parsed = parseManifests(yaml)
    t.ok(parsed.kind === 'invalid' && parsed.problems.every((problem) => problem.length <= 340), yaml.slice(0, 8))
  }
  t.end()
})

t.test('an anchor that holds itself is refused', (t) => {
  t.match(parseManifests('a: &a [*a]'), { kind: 'invalid', problems: [/^document 1: .* characters/] })
  t.end()
})

/** Ten levels an anchor, each around the one before; with the mapping itself one more. */
function nest(anchors: number): string {
  const lines = Array.from({ length: anchors }, (_, i) => {
    return `a${i}: &a${i} ${'['.repeat(10)}${i === 0 ? '1' : `*a${i - 1}`}${']'.repeat(10)}`
  })
  return lines.join('\n')
}

t.test('more values than a release can need are refused before they are built', (t) => {
  for (const yaml of [
    '- a\n'.repeat(1_000_000),
    '---\n'.repeat(1_000_000),
    '['.repeat(1_000_000),
    `[${'a,'.repeat(1_000_000)}]`,
  ]) {
    t.match(parseManifests(yaml), { kind: 'invalid', problems: ['more than 200000 YAML tokens'] })
  }
  t.end()
})

t.test('many keys in one mapping cost no more than as many in several', (t) => {
  const mapping = (count: number) => `{${Array.from({ length: count }, (_, i) => `k${i}`).join(',')}}`
  const timed = (text: string) => {
    const startedMs = performance.now()
    t.equal(parseManifests(text).kind, 'parsed')
    return performance.now() - startedMs
  }
  const apart = `[${Array.from({ length: 200 }, () => mapping(200)).join(',')}]`
  timed(apart)
  const apartMs = timed(apart)
  const togetherMs = timed(mapping(40_000))
  t.ok(togetherMs < 10 * apartMs, `${togetherMs} ms for one mapping, ${apartMs} ms for 200 of them`)
  t.end()
})

t.test('a key named __proto__ is data like any other', (t) => {
  const parsed = parseManifests('__proto__: { polluted: 1 }\n')
  t.equal(parsed.kind, 'parsed')
  t.equal(Reflect.get({}, 'polluted'), undefined)
  t.end()
})

t.test('no text makes it throw', (t) => {
  const pieces = fc.constantFrom(
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    '&a ',
    '*a',
    '---\n',
    '"',
    "'",
    '|\n',
    '!x ',
    '?',
    '#',
    '%',
    ',',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 40 }).map((list) => list.join('')),
      ),
      (text) => {
        const { kind } = parseManifests(text)
        return kind === 'parsed' || kind === 'invalid'
      },
    ),
    { numRuns: 3_000 },
  )
  t.pass('held for every generated text')
  t.end()
})

t.test('what a careful writer wrote is read back as it was', (t) => {
  const values = fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 })
  fc.assert(
    fc.property(values, (value) => {
      // YAML has no negative zero to keep.
      const json = JSON.parse(JSON.stringify(value)) as unknown
      const parsed = parseManifests(
        stringify(json, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE' }),
      )
      if (parsed.kind === 'invalid') return parsed.problems.every((problem) => /too large/.test(problem))
      return JSON.stringify(parsed.documents[0]) === JSON.stringify(json)
    }),
  )
  t.pass('held for every generated value')
  t.end()
})
