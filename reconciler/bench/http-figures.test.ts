import t from 'tap'
import { sharesOf } from './cpu-profile.ts'
import { quantile } from './offered-load.ts'
import { readWrk } from './wrk.ts'

const output = `Running 4s test @ http://127.0.0.1:8080/predict?symbol=BTC
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.04ms  230.11us   9.02ms   94.71%
    Req/Sec    30.97k     1.29k   33.01k    87.50%
  Latency Distribution
     50%    0.99ms
     99%    PERCENTILE
  123456 requests in 4.00s, 41.55MB read
TROUBLERequests/sec:  30863.42
Transfer/sec:     10.39MB
`

t.test('what wrk prints is read, in each of its units', async (t) => {
  for (const [text, p99Ms] of Object.entries({ '1.96ms': 1.96, '750.00us': 0.75, '1.20s': 1_200 })) {
    const read = readWrk(output.replace('PERCENTILE', text).replace('TROUBLE', ''))
    t.same(read, { requestsPerSecond: 30_863.42, p99Ms })
  }
})

t.test('figures of requests that failed are refused', async (t) => {
  const read = (trouble: string) => () => readWrk(output.replace('PERCENTILE', '1ms').replace('TROUBLE', trouble))
  t.throws(read('  Non-2xx or 3xx responses: 7\n'), /Non-2xx or 3xx responses: 7/)
  t.throws(read('  Socket errors: connect 0, read 3, write 0, timeout 0\n'), /read 3/)
  t.throws(() => readWrk('nothing'), /something else: nothing/)
})

t.test('a quantile is a value that was measured', async (t) => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.equal(quantile(hundred, 0.99), 99)
  t.equal(quantile(hundred, 0.5), 50)
  t.equal(quantile([7], 0.99), 7)
  t.throws(() => quantile([], 0.5))
})

t.test('a profile is summed up by package, of the time that was not idle', async (t) => {
  const frame = (id: number, url: string, functionName = 'f') => ({ id, callFrame: { functionName, url } })
  const nodes = [
    frame(1, '', '(idle)'),
    frame(2, 'file:///x/node_modules/fastify/lib/reply.js'),
    frame(3, 'file:///x/node_modules/@fastify/under-pressure/index.js'),
    frame(4, 'node:_http_server'),
    frame(5, 'file:///x/predictor/src/routes/predict.ts'),
    frame(6, '', '(garbage collector)'),
    frame(7, '', '(program)'),
  ]
  const samples = [1, 2, 2, 3, 4, 4, 4, 5, 6, 7]
  t.same(sharesOf({ nodes, samples, timeDeltas: samples.map(() => 10) }), [
    { where: 'node:http and what is below it', percent: 33.3 },
    { where: 'fastify', percent: 22.2 },
    { where: '@fastify/under-pressure', percent: 11.1 },
    { where: 'the predictor itself', percent: 11.1 },
    { where: 'garbage collection', percent: 11.1 },
    { where: 'sockets and the system', percent: 11.1 },
  ])
})
