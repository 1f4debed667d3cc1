import * as fc from 'fast-check'
import t from 'tap'
import {
  comparePositions,
  needsFacts,
  selectCandidate,
  type KnownReleases,
  type Selection,
  type TaggedImage,
} from './release-order.ts'

function image(tag: string, pushedAtMs: number, sequence?: number): TaggedImage {
  return { tag, digest: `sha256:${tag}`, pushedAtMs, ...(sequence !== undefined && { sequence }) }
}

function known(highWater?: TaggedImage, digests: Record<string, string> = {}): KnownReleases {
  return { ...(highWater !== undefined && { highWater }), digests: new Map(Object.entries(digests)) }
}

function outcome(selection: Selection): string {
  return selection.kind === 'none' ? 'none' : `${selection.kind} ${selection.image.tag}`
}

interface Case {
  readonly images: readonly TaggedImage[]
  readonly known: KnownReleases
  readonly outcome: string
  readonly findings?: readonly string[]
}

const cases: Record<string, Case> = {
  'no tag is no candidate': { images: [], known: known(), outcome: 'none' },
  'with nothing known the newest by time is taken': {
    images: [image('a', 1), image('c', 3), image('b', 2)],
    known: known(),
    outcome: 'candidate c',
  },
  'sequence goes before time': {
    images: [image('late-build-of-old-commit', 9, 1), image('new-commit', 5, 2)],
    known: known(),
    outcome: 'candidate new-commit',
  },
  'an equal sequence leaves it to the time': {
    images: [image('first-try', 1, 7), image('second-try', 2, 7)],
    known: known(),
    outcome: 'candidate second-try',
  },
  'highWater itself is no candidate': { images: [image('a', 1, 1)], known: known(image('a', 1, 1)), outcome: 'none' },
  'what equals highWater in sequence and time is not above it': {
    images: [image('b', 1, 1)],
    known: known(image('a', 1, 1)),
    outcome: 'none',
  },
  'one millisecond later than highWater is above it': {
    images: [image('b', 101)],
    known: known(image('a', 100)),
    outcome: 'candidate b',
  },
  'one millisecond earlier than highWater is below it': {
    images: [image('b', 99)],
    known: known(image('a', 100)),
    outcome: 'none',
  },
  'a lower sequence that finished later does not win': {
    images: [image('b', 200, 4)],
    known: known(image('a', 100, 5)),
    outcome: 'none',
  },
  'a higher sequence that finished earlier wins': {
    images: [image('b', 50, 6)],
    known: known(image('a', 100, 5)),
    outcome: 'candidate b',
  },
  'an image without a sequence is refused where highWater has one': {
    images: [image('b', 200)],
    known: known(image('a', 100, 5)),
    outcome: 'refused b',
  },
  'an older image without a sequence is not worth a word': {
    images: [image('b', 99)],
    known: known(image('a', 100, 5)),
    outcome: 'none',
  },
  'the first image with a sequence is placed by its time': {
    images: [image('b', 101, 1), image('c', 99, 2)],
    known: known(image('a', 100)),
    outcome: 'candidate b',
  },
  'an image without a sequence does not hold up one that has it': {
    images: [image('with', 200, 6), image('without', 300)],
    known: known(image('a', 100, 5)),
    outcome: 'candidate with',
    findings: ['SequenceMissing without'],
  },
  'an image that can not run is refused, and no older one is tried': {
    images: [image('b', 200), { ...image('c', 300), problem: 'tag c names an artifact' }],
    known: known(image('a', 100)),
    outcome: 'refused c',
  },
  'an image that can not run does not hold up a later one': {
    images: [image('c', 300), { ...image('b', 200), problem: 'tag b names an artifact' }],
    known: known(image('a', 100)),
    outcome: 'candidate c',
  },
  'a tag that was moved is reported, not taken': {
    images: [{ ...image('b', 200), digest: 'sha256:other' }],
    known: known(image('a', 100), { b: 'sha256:b' }),
    outcome: 'none',
    findings: ['TagMoved b'],
  },
  'the tag of highWater that was moved is reported, not taken': {
    images: [{ ...image('a', 200), digest: 'sha256:other' }],
    known: known(image('a', 100)),
    outcome: 'none',
    findings: ['TagMoved a'],
  },
  'a moved tag does not hold up another': {
    images: [{ ...image('b', 300), digest: 'sha256:other' }, image('c', 200)],
    known: known(image('a', 100), { b: 'sha256:b' }),
    outcome: 'candidate c',
    findings: ['TagMoved b'],
  },
  'the tag of highWater that was deleted and pushed again is still the same release': {
    images: [image('a', 200)],
    known: known(image('a', 100)),
    outcome: 'none',
  },
}

for (const [name, { images, known, outcome: expected, findings = [] }] of Object.entries(cases)) {
  t.test(name, (t) => {
    const selection = selectCandidate(images, known)
    t.equal(outcome(selection), expected)
    t.strictSame(
      selection.findings.map(({ reason, tag }) => `${reason} ${tag}`),
      findings,
    )
    t.end()
  })
}

t.test('a refusal says which image, why, and what to do', (t) => {
  const selection = selectCandidate([image('b', 200)], known(image('a', 100, 5)))
  t.match(selection, {
    kind: 'refused',
    reason: 'SequenceMissing',
    message: /tag b, .* while a has sequence 5, .*build it with the annotation/,
  })
  t.end()
})

t.test('a manifest is read only where it can change the order', (t) => {
  t.equal(needsFacts(image('a', 1), known()), true, 'nothing is known')
  t.equal(needsFacts(image('a', 100), known(image('a', 100, 5))), false, 'highWater itself')
  t.equal(needsFacts(image('b', 1), known(image('a', 100, 5))), true, 'its sequence may be greater')
  t.equal(needsFacts(image('b', 100), known(image('a', 100))), false, 'only times count, and it is no later')
  t.equal(needsFacts(image('b', 101), known(image('a', 100))), true, 'it is later')
  t.equal(needsFacts(image('b', 101), known(image('a', 100), { b: 'sha256:x' })), false, 'it was moved')
  t.end()
})

const images = fc.record(
  {
    tag: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    digest: fc.constantFrom('sha256:1', 'sha256:2', 'sha256:3'),
    pushedAtMs: fc.integer({ min: 0, max: 6 }),
    sequence: fc.integer({ min: 0, max: 4 }),
    problem: fc.constant('names an artifact'),
  },
  { requiredKeys: ['tag', 'digest', 'pushedAtMs'] },
) as fc.Arbitrary<TaggedImage>
const lists = fc.uniqueArray(images, { selector: ({ tag }) => tag, maxLength: 5 })
const knowns: fc.Arbitrary<KnownReleases> = fc
  .tuple(fc.option(images, { nil: undefined }), fc.dictionary(fc.constantFrom('a', 'b'), fc.constant('sha256:1')))
  .map(([highWater, digests]) => known(highWater, digests))

t.test('nothing at or below highWater is ever selected', (t) => {
  fc.assert(
    fc.property(lists, knowns, (list, known) => {
      const selection = selectCandidate(list, known)
      if (selection.kind !== 'candidate' || known.highWater === undefined) return true
      const { image } = selection
      const { highWater } = known
      if (highWater.sequence !== undefined) return comparePositions(image, highWater) > 0
      return image.pushedAtMs > highWater.pushedAtMs
    }),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated case')
  t.end()
})

t.test('the order in which the images are listed changes nothing', (t) => {
  const shuffled = lists.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
  )
  fc.assert(
    fc.property(shuffled, knowns, ([list, other], known) => {
      t.strictSame(selectCandidate(list, known), selectCandidate(other, known))
    }),
    { numRuns: 500 },
  )
  t.end()
})

t.test('of the images that would be considered alone, none is newer than the selected one but for a finding', (t) => {
  fc.assert(
    fc.property(lists, knowns, (list, known) => {
      const selection = selectCandidate(list, known)
      if (selection.kind !== 'candidate') return true
      const named = new Set(selection.findings.map(({ tag }) => tag))
      const considered = list.filter((image) => selectCandidate([image], known).kind !== 'none')
      return considered.every((image) => comparePositions(image, selection.image) <= 0 || named.has(image.tag))
    }),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated case')
  t.end()
})

t.test('taking the selected one as highWater leaves it no candidate', (t) => {
  fc.assert(
    fc.property(lists, knowns, (list, known) => {
      const first = selectCandidate(list, known)
      if (first.kind !== 'candidate') return true
      const second = selectCandidate(list, { ...known, highWater: first.image })
      return second.kind !== 'candidate' || second.image.tag !== first.image.tag
    }),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated case')
  t.end()
})

t.test('taking candidates one after another comes to an end, each above the one before', (t) => {
  fc.assert(
    fc.property(lists, knowns, (list, known) => {
      let { highWater } = known
      for (let round = 0; round <= list.length; round += 1) {
        const selection = selectCandidate(list, { ...known, ...(highWater !== undefined && { highWater }) })
        if (selection.kind !== 'candidate') return true
        highWater = selection.image
      }
      return false
    }),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated case')
  t.end()
})

t.test('an image whose manifest need not be read is never selected', (t) => {
  fc.assert(
    fc.property(lists, knowns, (list, known) => {
      const selection = selectCandidate(list, known)
      return selection.kind === 'none' || needsFacts(selection.image, known)
    }),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated case')
  t.end()
})
