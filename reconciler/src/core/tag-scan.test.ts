import * as fc from 'fast-check'
import t from 'tap'
import { mostTags, scanFirstPage, scanNextPage, type ScanGoal, type ScanStep, type Tag } from './tag-scan.ts'

/** `r…` counts as a release, anything else does not. */
function matches(name: string): boolean {
  return name.startsWith('r')
}

function tag(name: string, updatedAtMs: number, createdAtMs = updatedAtMs): Tag {
  return { name, digest: `sha256:${name}`, createdAtMs, updatedAtMs }
}

function head(name: string, updatedAtMs: number) {
  return { name, digest: `sha256:${name}`, updatedAtMs }
}

/** Reads a whole list page by page as the adapter does; answers the end and how many pages it took. */
function scan(goal: Omit<ScanGoal, 'matches'>, pages: ReadonlyArray<readonly Tag[]>): [end: ScanStep, pages: number] {
  const whole = { ...goal, matches }
  let step = scanFirstPage(whole, pages[0] ?? [], pages.length < 2)
  let read = 1
  while (step.kind === 'more') {
    step = scanNextPage(whole, step.progress, pages[read] ?? [], read + 1 >= pages.length)
    read += 1
  }
  return [step, read]
}

function names([step, pages]: [ScanStep, number]): string {
  if (step.kind !== 'done') return `${step.kind} after ${pages}`
  const { scan } = step
  return `${scan.kind}${scan.kind === 'changed' ? ` [${scan.tags.map(({ name }) => name).join(' ')}]` : ''} after ${pages}`
}

type Case = readonly [goal: Omit<ScanGoal, 'matches'>, pages: ReadonlyArray<readonly Tag[]>, end: string]

const cases: Record<string, Case> = {
  'an empty repository ends at once': [{}, [[]], 'empty after 1'],
  'an unchanged head ends it after one page': [
    { head: head('r1', 10) },
    [[tag('r1', 10), tag('r0', 9)], [tag('r', 1)]],
    'unchanged after 1',
  ],
  'a head with another digest is a change': [
    { head: { ...head('r1', 10), digest: 'sha256:other' } },
    [[tag('r1', 10), tag('r0', 9)]],
    'changed [r1] after 1',
  ],
  'a head that was updated is a change': [{ head: head('r1', 10) }, [[tag('r1', 11)]], 'changed [r1] after 1'],
  'only what is not older than the head is new': [
    { head: head('r2', 20) },
    [[tag('r3', 30), tag('r2', 20), tag('r1', 19)]],
    'changed [r3 r2] after 1',
  ],
  'a burst of other tags hides nothing': [
    { head: head('r1', 10) },
    [[tag('x5', 50), tag('x4', 40)], [tag('x3', 30), tag('r2', 20)], [tag('r1', 10), tag('r0', 9)], [tag('r', 1)]],
    'changed [r2 r1] after 3',
  ],
  'a deleted head ends it too, by its time': [
    { head: head('gone', 10) },
    [[tag('r2', 20), tag('x', 15)], [tag('r1', 9)], [tag('r0', 1)]],
    'changed [r2] after 2',
  ],
  'a deleted head with nothing newer leaves nothing': [
    { head: head('gone', 10) },
    [[tag('r1', 9), tag('r0', 8)], [tag('r', 1)]],
    'changed [] after 1',
  ],
  'after a restart the time of highWater ends it': [
    { knownSinceMs: 20 },
    [[tag('r3', 30), tag('r2', 20)], [tag('r1', 19)], [tag('r0', 1)]],
    'changed [r3 r2] after 2',
  ],
  'a head goes before the time of highWater': [
    { head: head('r2', 20), knownSinceMs: 5 },
    [[tag('r3', 30), tag('r1', 10)]],
    'changed [r3] after 1',
  ],
  'with nothing known the first page that holds a match ends it': [
    {},
    [[tag('x9', 90), tag('x8', 80)], [tag('r7', 70), tag('r6', 60), tag('x', 50)], [tag('r5', 50)]],
    'changed [r7 r6] after 2',
  ],
  'with nothing known and no match the whole list is read': [
    {},
    [[tag('x9', 90)], [tag('x8', 80)], [tag('x7', 70)]],
    'changed [] after 3',
  ],
  'a list that is not newest first decides nothing': [{}, [[tag('x1', 10), tag('r2', 20)]], 'invalid after 1'],
  'a page that starts newer than the last one ended decides nothing': [
    { knownSinceMs: 0 },
    [[tag('r2', 20), tag('r1', 10)], [tag('r2', 20)]],
    'invalid after 2',
  ],
  'a tag that is listed twice decides nothing': [
    { knownSinceMs: 0 },
    [[tag('r1', 10), tag('r1', 10)]],
    'invalid after 1',
  ],
}

for (const [name, [goal, pages, end]] of Object.entries(cases)) {
  t.test(name, (t) => {
    t.equal(names(scan(goal, pages)), end)
    t.end()
  })
}

t.test('five hundred matching tags are taken, one more decides nothing', (t) => {
  const list = Array.from({ length: mostTags + 1 }, (_, i) => tag(`r${i}`, 10_000 - i))
  const [taken] = scan({ knownSinceMs: 0 }, [list.slice(0, mostTags)])
  t.equal(taken.kind === 'done' && taken.scan.kind === 'changed' && taken.scan.tags.length, mostTags)
  t.strictSame(scan({ knownSinceMs: 0 }, [list]), [
    { kind: 'done', scan: { kind: 'tooMany', atLeast: mostTags + 1 } },
    1,
  ])
  t.end()
})

t.test('other tags do not count towards five hundred', (t) => {
  const list = Array.from({ length: 3 * mostTags }, (_, i) => tag(`x${i}`, 10_000 - i))
  t.equal(names(scan({ knownSinceMs: 0 }, [list])), 'changed [] after 1')
  t.end()
})

const tags = fc.uniqueArray(
  fc.record({ name: fc.stringMatching(/^[rx][0-9]{1,2}$/), updatedAtMs: fc.integer({ min: 0, max: 30 }) }),
  { selector: ({ name }) => name, maxLength: 30 },
)
const listings = tags.map((list) =>
  list.map(({ name, updatedAtMs }) => tag(name, updatedAtMs)).sort((a, b) => b.updatedAtMs - a.updatedAtMs),
)

function paged(list: readonly Tag[], size: number): ReadonlyArray<readonly Tag[]> {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}

t.test(
  'where something is known, exactly the matching tags not older than that are found, whatever the page size',
  (t) => {
    fc.assert(
      fc.property(
        listings,
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 0, max: 30 }),
        (list, size, knownSinceMs) => {
          const [step] = scan({ knownSinceMs }, paged(list, size))
          if (list.length === 0) return step.kind === 'done' && step.scan.kind === 'empty'
          const expected = list.filter(({ name, updatedAtMs }) => matches(name) && updatedAtMs >= knownSinceMs)
          return step.kind === 'done' && step.scan.kind === 'changed' && isSame(step.scan.tags, expected)
        },
      ),
    )
    t.pass('held for every generated list')
    t.end()
  },
)

t.test('no page is read beyond the first tag that is older than what is known', (t) => {
  fc.assert(
    fc.property(
      listings,
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 0, max: 30 }),
      (list, size, knownSinceMs) => {
        const [, pages] = scan({ knownSinceMs }, paged(list, size))
        const older = list.findIndex(({ updatedAtMs }) => updatedAtMs < knownSinceMs)
        const needed = older === -1 ? Math.ceil(list.length / size) : Math.floor(older / size) + 1
        return pages === Math.max(1, needed)
      },
    ),
  )
  t.pass('held for every generated list')
  t.end()
})

function isSame(a: readonly Tag[], b: readonly Tag[]): boolean {
  return a.length === b.length && a.every((tag, i) => tag.name === b[i]?.name)
}
