import t from 'tap'
import type { SeenImage } from '../core/releases.ts'
import { mostTags } from '../core/tag-scan.ts'
import { image, repository } from '../core/test-builders.ts'
import type { Tag, TagSource } from '../registry/tag-source.ts'
import { readRegistry } from './registry-read.ts'

const { signal } = new AbortController()

t.test('of what is pushed while nothing is released so many are kept, the newest by their order', async (t) => {
  const known = { digests: new Map(), highWater: image(0) }
  const subject = { repository, isRelease: () => true, known }
  let images: readonly SeenImage[] = []
  // The first has the highest sequence of all, so that it is what comes next, whatever is pushed after it.
  for (let n = 1; n <= mostTags + 50; n += 1) {
    const sequence = n === 1 ? 1_000_000 : n
    const head = n === 1 ? {} : { head: headOf(n - 1) }
    const read = await readRegistry(tagsWith(n, sequence), subject, { images, ...head }, 0, signal)
    ;({ images } = read)
  }
  t.equal(images.length, mostTags)
  t.ok(images.some(({ tag }) => tag === 'r1'))
  t.ok(images.some(({ tag }) => tag === `r${mostTags + 50}`))
  t.notOk(images.some(({ tag }) => tag === 'r2'))
})

/** Of which a poll sees the n-th push alone. */
function tagsWith(n: number, sequence: number): TagSource {
  const { tag: name, digest, pushedAtMs: createdAtMs, updatedAtMs } = image(n)
  const tag: Tag = { name, digest, createdAtMs, updatedAtMs }
  return {
    scan: async () => ({ kind: 'changed', head: headOf(n), tags: [tag] }),
    image: async () => ({ digest, sequence }),
  } as unknown as TagSource
}

function headOf(n: number) {
  const { tag: name, digest, updatedAtMs } = image(n)
  return { name, digest, updatedAtMs }
}
