import t from 'tap'
import { UpdateClock, printAcrTime } from './update-clock.ts'

t.test('moments are later than all before them, though the system clock stands still or steps back', async (t) => {
  let nowMs = Date.UTC(2026, 10, 23, 5, 58, 52, 123)
  const clock = new UpdateClock(() => nowMs)
  const moments = [clock.next(), clock.next()]
  nowMs -= 60_000
  moments.push(clock.next())
  t.same(moments, [...new Set(moments)].sort())
  for (const moment of moments) t.match(moment, /^2026-11-23T05:58:52\.123\d{4}Z$/)
})

t.test('a moment of an earlier process is not given out again', async (t) => {
  const clock = new UpdateClock(() => 0)
  clock.observe('2026-11-23T05:58:52.9999999Z')
  t.equal(clock.next(), '2026-11-23T05:58:53.0000000Z')
})

const printed: Readonly<Record<string, string>> = {
  '2021-06-01T17:44:40.8107647Z': '2021-06-01T17:44:40.8107647Z',
  '2021-07-12T19:20:00.9132550Z': '2021-07-12T19:20:00.913255Z',
  '2021-07-12T19:20:00.0000000Z': '2021-07-12T19:20:00Z',
  '2021-07-12T19:20:00.0000001Z': '2021-07-12T19:20:00.0000001Z',
}

for (const [moment, expected] of Object.entries(printed)) {
  t.test(`ACR writes ${moment} as ${expected}`, async (t) => {
    t.equal(printAcrTime(moment), expected)
  })
}
