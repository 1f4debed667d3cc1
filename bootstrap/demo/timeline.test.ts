import t from 'tap'
import { describeTimeline } from './timeline.ts'

const seen = { pushedAtMs: 1_000, seenAtMs: 1_500, appliedAtMs: 1_750 }

t.test('the points of a release are told in the order in which they came', async (t) => {
  t.equal(
    describeTimeline({ ...seen, readyAtMs: 5_000, servedAtMs: 6_000 }),
    'pushed → seen 0.50 s → applied 0.75 s → ready 4.00 s → served 5.00 s',
  )
  t.equal(
    describeTimeline({ ...seen, readyAtMs: 6_000, servedAtMs: 5_000 }),
    'pushed → seen 0.50 s → applied 0.75 s → served 4.00 s → ready 5.00 s',
  )
})

t.test('a point that no witness saw is told as such', async (t) => {
  t.match(
    describeTimeline({ pushedAtMs: 0, seenAtMs: undefined, appliedAtMs: undefined, readyAtMs: 1, servedAtMs: 2 }),
    /seen \? → applied \? →/,
  )
})
