import t from 'tap'
import { healthOf, summariseHealth } from './health.ts'
import { healthCases } from './test-health-corpus.ts'

for (const [sentence, { object, options, expected, says }] of Object.entries(healthCases)) {
  t.test(sentence, async (t) => {
    const health = healthOf(object, options)

    t.equal(health.state, expected)
    if (says !== undefined) t.match('message' in health ? health.message : '', says)
  })
}

t.test('the summary is the worst of all and names what is not current', async (t) => {
  const summary = summariseHealth([
    { name: 'ConfigMap/a', health: { state: 'current' } },
    { name: 'Deployment/b', health: { state: 'inProgress', message: 'has 1 of 2 new pods' } },
    { name: 'StatefulSet/c', health: { state: 'failed', message: 'is stalled: why' } },
  ])

  t.same(summary, { state: 'failed', message: 'Deployment/b has 1 of 2 new pods; StatefulSet/c is stalled: why' })
})

t.test('the summary of nothing is current', async (t) => {
  t.same(summariseHealth([]), { state: 'current' })
})

t.test('the summary names five and counts the rest', async (t) => {
  const all = Array.from({ length: 8 }, (_, index) => ({
    name: `Deployment/${index}`,
    health: { state: 'inProgress', message: 'waits' } as const,
  }))

  const summary = summariseHealth(all)
  t.match(summary, { state: 'inProgress', message: / and 3 more$/ })
})
