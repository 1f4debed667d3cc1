import t from 'tap'
import { parseRetryAfter } from './retry-after.ts'

const nowMs = Date.UTC(2026, 0, 1, 12, 0, 0)

const cases: Record<string, [headers: Record<string, string>, ms: number | undefined]> = {
  'no header is no wait': [{}, undefined],
  'seconds are seconds': [{ 'retry-after': '30' }, 30_000],
  'zero is zero': [{ 'retry-after': '0' }, 0],
  'a date is read against our clock': [{ 'retry-after': 'Thu, 01 Jan 2026 12:00:30 GMT' }, 30_000],
  'a date is read against the date of the answer, where it has one': [
    { 'retry-after': 'Thu, 01 Jan 2026 15:00:30 GMT', date: 'Thu, 01 Jan 2026 15:00:00 GMT' },
    30_000,
  ],
  'a date that is past is zero': [{ 'retry-after': 'Thu, 01 Jan 2026 11:00:00 GMT' }, 0],
  'more than an hour is an hour': [{ 'retry-after': '9999999999999' }, 3_600_000],
  'a date in ten years is an hour': [{ 'retry-after': 'Thu, 01 Jan 2036 12:00:00 GMT' }, 3_600_000],
  'negative seconds are none': [{ 'retry-after': '-5' }, undefined],
  'anything else is none': [{ 'retry-after': 'soon' }, undefined],
  'an empty header is none': [{ 'retry-after': '' }, undefined],
}

for (const [name, [headers, ms]] of Object.entries(cases)) {
  t.test(name, (t) => {
    t.equal(parseRetryAfter(headers, nowMs), ms)
    t.end()
  })
}
