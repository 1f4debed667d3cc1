import t from 'tap'
import { readArguments, usage } from './bench-arguments.ts'

const options = { seconds: { fallback: 600, min: 10, max: 86_400, what: 'how long is counted' } }

t.test('what is not given is the default', async (t) => {
  t.same(readArguments([], options), { kind: 'read', json: false, numbers: { seconds: 600 } })
})

t.test('a number and --json are read in any order', async (t) => {
  const read = { kind: 'read', json: true, numbers: { seconds: 10 } }
  t.same(readArguments(['--json', '--seconds', '10'], options), read)
  t.same(readArguments(['--seconds=10', '--json'], options), read)
})

t.test('help is no slip, whatever stands beside it', async (t) => {
  t.same(readArguments(['--help'], options), { kind: 'help' })
  t.same(readArguments(['-h', '--seconds', '600'], options), { kind: 'help' })
})

const refused: Readonly<Record<string, readonly string[]>> = {
  'an option that is not known': ['--minutes', '5'],
  'a word that is no option': ['idle'],
  'an option without its number': ['--seconds'],
  'a number below the least': ['--seconds', '9'],
  'a number above the most': ['--seconds', '86401'],
  'a number that is not whole': ['--seconds', '10.5'],
  'a number with a sign': ['--seconds=-10'],
  'no number at all': ['--seconds', 'ten'],
  'an empty number': ['--seconds='],
  'a value where none is taken': ['--json=yes'],
}

for (const [what, args] of Object.entries(refused)) {
  t.test(`${what} is refused, and named`, async (t) => {
    const read = readArguments(args, options)
    t.equal(read.kind, 'refused')
    if (read.kind === 'refused') t.match(read.problem, /seconds|minutes|idle|json/)
  })
}

t.test('the usage names each option with its bounds and its default', async (t) => {
  const text = usage('idle', options)
  t.match(text, /npm run bench -- idle/)
  t.match(text, /--seconds N +how long is counted \(10 to 86400, 600\)/)
  t.match(text, /--json/)
})
