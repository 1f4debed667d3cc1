import t from 'tap'
import { readExposition } from './exposition.ts'

t.test('an exposition tells the type, the labels and the series of each metric', async (t) => {
  const metrics = readExposition(
    [
      '# HELP requests_total Requests.',
      '# TYPE requests_total counter',
      String.raw`requests_total{method="GET",note="a \" b, c=\"d"} 1`,
      'requests_total{status="200"} 1',
      '# TYPE seconds histogram',
      'seconds_bucket{le="1",route="/"} 1',
      'seconds_sum{route="/"} 1',
      '# TYPE depth gauge',
      'depth 3',
    ].join('\n'),
  )
  t.same([...metrics.keys()], ['requests_total', 'seconds', 'depth'])
  t.same([...(metrics.get('requests_total')?.labels ?? [])], ['method', 'note', 'status'])
  t.match(metrics.get('seconds'), { type: 'histogram', labels: new Set(['route']) })
  t.same(metrics.get('seconds')?.series, ['seconds', 'seconds_bucket', 'seconds_sum', 'seconds_count'])
  t.match(metrics.get('depth'), { type: 'gauge', labels: new Set(), series: ['depth'] })
})
