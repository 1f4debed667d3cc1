import * as fc from 'fast-check'
import t from 'tap'
import { linesOf } from './lines.ts'

async function* cut(bytes: Uint8Array, at: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const end of [...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    yield bytes.subarray(start, end)
    start = end
  }
}

async function read(chunks: AsyncIterable<Uint8Array>, maxBytes = 1_000_000): Promise<string[]> {
  const lines = []
  for await (const line of linesOf(chunks, maxBytes)) lines.push(line)
  return lines
}

t.test('lines are whole wherever the chunks are cut, in the middle of a character too', async (t) => {
  const line = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', '').toWellFormed())
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (lines, at) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      t.strictSame(await read(cut(bytes, at)), lines)
    }),
  )
})

t.test('what was cut off at the end is dropped', async (t) => {
  t.strictSame(await read(cut(Buffer.from('{"a":1}\n{"b":'), [3])), ['{"a":1}'])
})

t.test('a line that never ends is refused before it fills the memory', async (t) => {
  await t.rejects(read(cut(Buffer.alloc(100, 'x'), [40, 80]), 60), { name: 'RangeError' })
})
