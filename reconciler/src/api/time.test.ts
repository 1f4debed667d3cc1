import * as fc from 'fast-check'
import t from 'tap'
import { formatTime, isWritableTime, parseTime } from './time.ts'

const times: Record<string, number> = {
  '2026-01-02T03:04:05Z': Date.UTC(2026, 0, 2, 3, 4, 5),
  '2026-01-02t03:04:05.678z': Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  '2026-01-02T03:04:05.678901234Z': Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  '2026-03-01T00:30:00+01:00': Date.UTC(2026, 1, 28, 23, 30),
  '2024-02-29T00:00:00Z': Date.UTC(2024, 1, 29),
  '2000-02-29T23:59:59Z': Date.UTC(2000, 1, 29, 23, 59, 59),
  '0000-02-29T00:00:00Z': -62_162_121_600_000,
}
for (const [text, ms] of Object.entries(times)) {
  t.test(`${text} is a time`, (t) => {
    t.equal(parseTime(text), ms)
    t.end()
  })
}

for (const text of [
  '2026-02-30T00:00:00Z',
  '2026-02-29T00:00:00Z',
  '1900-02-29T00:00:00Z',
  '2026-04-31T12:00:00+02:00',
  '2026-02-31T23:30:00-23:00',
  '2026-13-01T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-32T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00+0100',
  '2026-01-01 00:00:00Z',
  '2026-01-01',
  '+010000-01-01T00:00:00Z',
  'tomorrow',
  '',
]) {
  t.test(`"${text}" is none`, (t) => {
    t.equal(parseTime(text), undefined)
    t.end()
  })
}

t.test('what can be written is read again, and nothing else', (t) => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => {
      const ms = date.getTime()
      return parseTime(formatTime(ms)) === (isWritableTime(ms) ? ms : undefined)
    }),
  )
  for (const edge of [Date.UTC(9999, 11, 31, 23, 59, 59, 999), Date.parse('0000-01-01T00:00:00Z')]) {
    t.equal(isWritableTime(edge), true)
  }
  t.equal(isWritableTime(Date.UTC(9999, 11, 31, 23, 59, 59, 999) + 1), false)
  t.equal(isWritableTime(Date.parse('0000-01-01T00:00:00Z') - 1), false)
  t.equal(isWritableTime(Number.NaN), false)
  t.end()
})
