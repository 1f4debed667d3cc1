import { queryPrometheus } from '../../local/prometheus/query.ts'
import { type DemoContext, platformOf } from '../context.ts'
import { predictorNamespace, reconcilerNamespace } from '../names.ts'
import { eventually } from '../eventually.ts'
import { notOk, ok, type Step } from '../step.ts'

const questions = [
  { what: 'predictor pods scraped', query: `sum(up{namespace="${predictorNamespace}"})`, atLeast: 2 },
  { what: 'reconciler pods scraped', query: `sum(up{namespace="${reconcilerNamespace}"})`, atLeast: 2 },
  { what: 'requests that the predictor served', query: 'sum(http_requests_total)', atLeast: 1 },
  {
    what: 'releases timed from push to ready',
    // Where the leader changed between two releases, each has timed its own.
    query: 'sum(max_over_time(windlass_push_to_ready_seconds_count[30m]))',
    atLeast: 2,
  },
] as const

export const scrapedByPrometheus: Step<DemoContext> = {
  name: 'scraped-by-prometheus',
  title: 'Prometheus scrapes the reconciler and the predictor',
  check: (context, options) =>
    eventually(async (signal) => {
      const { prometheusUrl } = platformOf(context)
      const found: string[] = []
      for (const { what, query, atLeast } of questions) {
        const [sample] = await queryPrometheus(prometheusUrl, query, { signal })
        if (sample === undefined || sample.value < atLeast) return notOk(`${what}: ${sample?.value ?? 'no series'}`)
        found.push(`${sample.value} ${what}`)
      }
      return ok(found.join(', '))
    }, options),
}
