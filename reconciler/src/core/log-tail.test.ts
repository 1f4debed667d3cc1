import * as fc from 'fast-check'
import t from 'tap'
import { tailOf } from './log-tail.ts'

const tail = (text: string, maxBytes?: number) => tailOf(Buffer.from(text, 'utf8'), maxBytes)

t.test('a short log is kept whole', (t) => {
  t.equal(tail('listening\nno database\n'), 'listening\nno database')
  t.equal(tail('\tindented\r\nby Windows\r\n'), '\tindented\nby Windows')
  t.end()
})

t.test('nothing readable is no log', (t) => {
  t.equal(tail(''), undefined)
  t.equal(tail('\n \n\n'), undefined)
  t.equal(tailOf(Uint8Array.of(0, 1, 2)), undefined)
  t.end()
})

t.test('that a container was cleared away is no log of it', (t) => {
  t.equal(tail('unable to retrieve container logs for containerd://df031b34c7da'), undefined)
  const file = '/var/log/pods/team_web-67f866849f-64thj_9b8887ed/migrate/2.log'
  const missing = `lstat ${file}: no such file or directory`
  t.equal(tail(`failed to try resolving symlinks in path "${file}": ${missing}`), undefined)
  t.equal(tail(`failed to open log file "${file}": open ${file}: no such file or directory\n`), undefined)
  t.match(tail('unable to retrieve container logs for x\nas the app itself says\n'), /as the app itself says/)
  t.match(tail(`starting\nfailed to open log file "${file}": ${missing}`), /^starting\n/)
  t.end()
})

t.test('a log that begins as such a word does and goes on in blanks is read once', (t) => {
  const startedMs = performance.now()
  t.equal(tail(`failed to open log file "x.log": ${' '.repeat(100_000)}\nlast`), 'last')
  t.ok(performance.now() - startedMs < 5_000)
  t.end()
})

t.test('of a long log whole lines are kept, the last ones', (t) => {
  t.equal(tail('first\nsecond\nthird\n', 12), 'second\nthird')
  t.equal(tail('first\nsecond\nthird\n', 11), 'third')
  t.equal(tail('first\nsecond\nthird\n', 5), 'third')
  t.end()
})

t.test('of a last line that is too long its end is kept, from a whole character on', (t) => {
  t.equal(tail('a line\nabcdef', 4), 'cdef')
  t.equal(tail('aä€𐍈', 7), '€𐍈')
  t.equal(tail('aä€𐍈', 6), '𐍈')
  t.equal(tail('aä€𐍈', 3), undefined)
  t.end()
})

t.test('colours and control characters are left out, and bytes that are no text are marked', (t) => {
  t.equal(tail('\u001b[31;1mError\u001b[0m: bell\u0007'), 'Error: bell')
  t.equal(tailOf(Uint8Array.of(0x61, 0xff, 0x62)), 'a\ufffdb')
  t.end()
})

t.test('whatever a container writes, what is kept is short, well formed and a part of it', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 4, max: 64 }), (log, maxBytes) => {
      const kept = tailOf(log, maxBytes) ?? ''
      return Buffer.byteLength(kept) <= maxBytes && kept.isWellFormed()
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.integer({ min: 4, max: 64 }), (text, maxBytes) => {
      const whole = tail(text, 1_000) ?? ''
      return whole.endsWith(tail(text, maxBytes) ?? '')
    }),
  )
  t.pass('no counterexample')
  t.end()
})
