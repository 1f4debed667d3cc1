import t from 'tap'
import { type FailedRollout, judgeFailedRollout } from './failed-rollout.ts'

const seen: FailedRollout = {
  ran: true,
  wasReady: false,
  restarts: 3,
  heldOutMs: 9_000,
  timeoutMs: 300_000,
  answers: 40,
  otherAnswers: [],
}

t.test('a rollout failed as it should when it ran, never served, was gone back from, and nobody noticed', async (t) => {
  t.match(judgeFailedRollout(seen, { leastRestarts: 3 }), {
    ok: true,
    detail: /after 9.0 s \(it had 5 min 0 s\), started anew 3 times/,
  })
  t.match(judgeFailedRollout({ ...seen, restarts: 0, heldOutMs: 300_100 }, { leastRestarts: 0 }), { ok: true })
})

const otherwise: Readonly<Record<string, readonly [Partial<FailedRollout>, RegExp]>> = {
  'it never ran': [{ ran: false }, /never ran/],
  'it was ready for a moment': [{ wasReady: true }, /was ready/],
  'it was not let crash often enough': [{ restarts: 2 }, /started anew 2 times only/],
  'nothing was put back': [{ heldOutMs: undefined }, /no write that went back/],
  'it was told by its time alone': [{ heldOutMs: 300_100 }, /given all of its time/],
  'another answered': [{ otherAnswers: ['503 no server'] }, /1 of 41 requests .* 503 no server/],
  'nobody asked': [{ answers: 0 }, /no request/],
}
for (const [what, [change, detail]] of Object.entries(otherwise)) {
  t.test(`it did not where ${what}`, async (t) => {
    t.match(judgeFailedRollout({ ...seen, ...change }, { leastRestarts: 3 }), { ok: false, detail })
  })
}
