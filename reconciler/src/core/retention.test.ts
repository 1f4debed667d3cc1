import * as fc from 'fast-check'
import t from 'tap'
import { sortByRetention, type Retention, type RetentionRules } from './retention.ts'
import type { Tag } from './tag-scan.ts'

const day = 86_400_000
const nowMs = 1_000 * day
const rules: RetentionRules = {
  newest: 2,
  graceMs: 30 * day,
  keep: new Set(),
  isRelease: (tag) => /^r\d+$/.test(tag),
}

/** A release of its own digest, so many days old. */
function release(name: string, days: number, more: Partial<Tag> = {}): Tag {
  const createdAtMs = nowMs - days * day
  return { name, digest: `sha256:${name}`, createdAtMs, updatedAtMs: createdAtMs, ...more }
}

function expired({ expired }: Retention): readonly string[] {
  return expired.flatMap(({ tags }) => tags)
}

function why(retention: Retention): Readonly<Record<string, string>> {
  return Object.fromEntries(retention.kept.flatMap(({ image, why }) => image.tags.map((tag) => [tag, why])))
}

t.test('what is beyond the newest and past its grace time goes, oldest first', async (t) => {
  const sorted = sortByRetention(
    [release('r3', 40), release('r1', 90), release('r4', 1), release('r2', 60)],
    rules,
    nowMs,
  )
  t.same(expired(sorted), ['r1', 'r2'])
  t.same(why(sorted), { r3: 'newest', r4: 'newest' })
})

t.test('both sides of the grace time', async (t) => {
  const newest = [release('r8', 0), release('r9', 0)]
  const at = (ageMs: number) => {
    const timeMs = nowMs - ageMs
    const old = release('r1', 0, { createdAtMs: timeMs, updatedAtMs: timeMs })
    return expired(sortByRetention([...newest, old], rules, nowMs))
  }
  t.same(at(30 * day - 1), [])
  t.same(at(30 * day), ['r1'])
  t.same(at(-day), [], 'the registry’s clock is ahead')
})

t.test('an old image that was tagged or changed of late is young', async (t) => {
  const newest = [release('r8', 0), release('r9', 0)]
  const touched = release('r1', 200, { updatedAtMs: nowMs - day })
  t.match(why(sortByRetention([...newest, touched], rules, nowMs)), { r1: 'young' })
  const again = [release('r2', 200, { digest: 'd' }), release('r3', 29, { digest: 'd' })]
  t.match(why(sortByRetention([...newest, ...again], rules, nowMs)), { r2: 'young', r3: 'young' })
})

t.test('what is named stays, by tag or digest, and takes no place among the newest away', async (t) => {
  const tags = [release('r1', 90), release('r2', 80), release('r3', 70), release('r4', 60)]
  const keep = new Set(['r1', 'sha256:r2', 'r77'])
  const sorted = sortByRetention(tags, { ...rules, keep }, nowMs)
  t.same(expired(sorted), [])
  t.same(why(sorted), { r1: 'named', r2: 'named', r3: 'newest', r4: 'newest' })
  t.same(sorted.unknown, ['r77'])
})

t.test('an image with another tag is no release: it stays, and is not counted', async (t) => {
  const tags = [
    release('r1', 90),
    release('latest', 90, { digest: 'sha256:r1' }),
    release('base', 0),
    release('r2', 80),
    release('r3', 70),
  ]
  const sorted = sortByRetention(tags, rules, nowMs)
  t.same(expired(sorted), [])
  t.match(why(sorted), { r1: 'otherTag', latest: 'otherTag', base: 'otherTag', r2: 'newest' })
})

t.test('of whatever is in a registry, nothing goes that any rule keeps', async (t) => {
  const names = fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'latest')
  const tag = fc.record({
    name: names,
    digest: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    createdAtMs: fc.integer({ min: 0, max: nowMs + day }),
    updatedAtMs: fc.integer({ min: 0, max: nowMs + day }),
  })
  const drawn = fc.record({
    tags: fc.uniqueArray(tag, { selector: ({ name }) => name }),
    newest: fc.integer({ min: 1, max: 4 }),
    graceDays: fc.integer({ min: 0, max: 900 }),
    keep: fc.array<string>(fc.oneof(names, fc.constantFrom('a', 'b', 'z'))),
  })
  let deleted = 0
  fc.assert(
    fc.property(drawn, ({ tags, newest, graceDays, keep }) => {
      const given = { ...rules, newest, graceMs: graceDays * day, keep: new Set(keep) }
      const sorted = sortByRetention(tags, given, nowMs)
      const gone = new Set(sorted.expired.map(({ digest }) => digest))
      deleted += gone.size
      const left = new Set(tags.map(({ digest }) => digest).filter((digest) => !gone.has(digest)))
      for (const { name, digest, createdAtMs, updatedAtMs } of tags.filter(({ digest }) => gone.has(digest))) {
        if (keep.some((kept) => kept === name || kept === digest) || !rules.isRelease(name)) return false
        if (nowMs - Math.max(createdAtMs, updatedAtMs) < given.graceMs) return false
      }
      return gone.size === 0 || left.size >= newest
    }),
    { seed: 20_261_126, numRuns: 2_000 },
  )
  t.ok(deleted > 200, `${deleted} images went in these runs`)
})
