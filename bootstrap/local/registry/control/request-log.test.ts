import t from 'tap'
import { RequestLog } from './request-log.ts'
import type { LoggedRequest } from './request-log.ts'

t.test('requests are found by what is asked of them', async (t) => {
  const log = filled(5)
  t.same(sequences(log.query({ after: 3 })), [4, 5])
  t.same(sequences(log.query({ method: 'PUT' })), [2, 4])
  t.same(sequences(log.query({ path: '/[13]$' })), [1, 3])
  t.same(sequences(log.query({ user: 'nobody' })), [])
  t.equal(log.last, 5)
})

t.test('only the last are kept, and all are counted', async (t) => {
  const log = filled(100, new RequestLog(10))
  t.same(sequences(log.query()), [91, 92, 93, 94, 95, 96, 97, 98, 99, 100])
  log.clear()
  t.same(log.query(), [])
  t.equal(log.begin(), 101)
})

t.test('it is settled once all that has arrived is in it, or the time is over', async (t) => {
  const log = filled(1)
  await log.settled()
  const sequence = log.begin()
  await log.settled(1)
  t.equal(log.query().length, 1, 'one is still under way')
  const settled = log.settled()
  const [first] = log.query()
  if (first) log.end({ ...first, sequence })
  await settled
  t.equal(log.query().length, 2)
})

function filled(count: number, log = new RequestLog()): RequestLog {
  for (let index = 1; index <= count; index += 1) {
    const method = index % 2 === 0 ? 'PUT' : 'GET'
    log.end({
      sequence: log.begin(),
      atMs: 0,
      host: 'h',
      method,
      path: `/${index}`,
      query: '',
      status: 200,
      bytesSent: 1,
      durationMs: 1,
    })
  }
  return log
}

function sequences(requests: readonly LoggedRequest[]): readonly number[] {
  return requests.map(({ sequence }) => sequence)
}
