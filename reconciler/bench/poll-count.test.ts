import t from 'tap'
import { countPolls } from './poll-count.ts'

const window = { fromMs: 2_500, everyMs: 5_000, polls: 2 }
const listed = (atMs: number, repository = 'many/a', status = 200) => ({ atMs, repository, status })

t.test('each repository counts once for each time of the schedule', (t) => {
  const cases = [
    { what: 'nothing was asked', requests: [], done: 0 },
    { what: 'all was done', requests: [listed(5_000), listed(5_100, 'many/b'), listed(10_000)], done: 3 },
    { what: 'one was asked for twice at one time', requests: [listed(5_000), listed(5_400)], done: 1 },
    { what: 'one was refused', requests: [listed(5_000, 'many/a', 429)], done: 0 },
    { what: 'one was refused, and then answered', requests: [listed(5_000, 'many/a', 429), listed(6_000)], done: 1 },
    { what: 'one came right before the window', requests: [listed(2_499)], done: 0 },
    { what: 'one came right at its beginning', requests: [listed(2_500)], done: 1 },
    { what: 'one came right before its end', requests: [listed(12_499)], done: 1 },
    { what: 'one came right at its end', requests: [listed(12_500)], done: 0 },
  ]
  for (const { what, requests, done } of cases) t.equal(countPolls(requests, window), done, what)
  t.end()
})
