import type { AlertCase, Series } from './alert-case.ts'

const inPredictor = { namespace: 'predictor' }

/** A thousand answers a minute, so many of them errors; as promtool's values of both counters. */
function answers(good: string, bad: string): Series {
  const of = (status: string) =>
    `http_requests_total{job="predictor",namespace="predictor",pod="a",method="GET",route="/quote",status="${status}"}`
  return { [of('200')]: good, [of('500')]: bad }
}

/** Of cases that take days: every minute of them would take promtool minutes. */
const everyMinutes = 10

/** A counter that grows by so much a minute for so many minutes, then on at another rate; a value every ten minutes. */
function counter(...phases: readonly (readonly [minutes: number, perMinute: number])[]): string {
  let value = 0
  const parts = phases.map(([minutes, perMinute]) => {
    const step = perMinute * everyMinutes
    const part = `${value}+${step}x${minutes / everyMinutes - 1}`
    value += perMinute * minutes
    return part
  })
  return parts.join(' ')
}

const hour = 60
const day = 24 * hour

function durations(within: string, all: string): Series {
  const labels = 'job="predictor",namespace="predictor",pod="a",method="POST",route="/predict",status="200"'
  return {
    [`http_request_duration_seconds_bucket{${labels},le="0.1"}`]: within,
    [`http_request_duration_seconds_count{${labels}}`]: all,
  }
}

/** Nobody asks for 50 minutes; then one answer a minute, of which each fourth is slow: four within twenty minutes. */
const fewSlow = durations('0x50 1+1x2 3+1x3 6+1x3 9+1x3 12+1x4', '0x50 1+1x19')
/** So it goes on: eight within 32 minutes. */
const moreSlow = durations('0x50 1+1x2 3+1x3 6+1x3 9+1x3 12+1x3 15+1x3 18+1x3 21+1x3 24', '0x50 1+1x31')

function up(...pods: readonly string[]): Series {
  return Object.fromEntries(
    pods.map((values, index) => [`up{job="predictor",namespace="predictor",pod="p${index}"}`, values]),
  )
}

/** How often each pod told kubelet that it is ready. */
function readiness(...pods: readonly string[]): Series {
  const of = (pod: number) =>
    `http_requests_total{job="predictor",namespace="predictor",pod="p${pod}",method="GET",route="/readyz",status="200"}`
  return Object.fromEntries(pods.map((values, pod) => [of(pod), values]))
}

const errorsFast =
  "In predictor so many answers on prices are errors of the service that the month's budget is gone within days."
const errorsSlow =
  "In predictor so many answers on prices are errors of the service that the month's budget will not last."
const slowFast =
  "In predictor so many answers on prices take longer than 0.1 s that the month's budget is gone within days."
const slowSlow = "In predictor so many answers on prices take longer than 0.1 s that the month's budget will not last."

export const predictorCases: readonly AlertCase[] = [
  {
    alert: 'PredictorDown',
    says: 'no pod answers',
    series: up('1 1 0x10', '0x12'),
    at: '6m',
    fires: [{ labels: {}, summary: 'No pod of the predictor answers Prometheus.' }],
  },
  {
    alert: 'PredictorDown',
    says: 'there is no pod at all',
    series: {},
    at: '6m',
    fires: [{ labels: {}, summary: 'No pod of the predictor answers Prometheus.' }],
  },
  { alert: 'PredictorDown', says: 'one of two answers', series: up('1x10', '0x10'), at: '8m', fires: [] },
  {
    alert: 'PredictorUnready',
    says: 'both pods are alive, and neither says that it is ready any more',
    series: readiness('0+12x5 60x10', '0+12x5 60x10'),
    at: '12m',
    fires: [{ labels: inPredictor, summary: 'The pods of the predictor in predictor run, and none is ready.' }],
  },
  {
    alert: 'PredictorUnready',
    says: 'one of two pods is ready',
    series: readiness('0+12x5 60x10', '0+12x15'),
    at: '12m',
    fires: [],
  },
  {
    alert: 'PredictorUnready',
    says: 'they were replaced, and the new ones are ready',
    series: readiness('0+12x5 _x10', '_x4 0+12x11'),
    at: '12m',
    fires: [],
  },
  { alert: 'PredictorDown', says: 'one scrape failed', series: up('1 1 1 0 1x10'), at: '4m', fires: [] },
  {
    alert: 'PredictorErrorBudgetBurningFast',
    says: 'two of a hundred answers are errors',
    series: answers('0+980x40', '0+20x40'),
    at: '30m',
    fires: [{ labels: inPredictor, summary: errorsFast }],
  },
  {
    alert: 'PredictorErrorBudgetBurningFast',
    says: 'one of a hundred, which goes on for long enough to matter',
    series: answers('0+990x40', '0+10x40'),
    at: '35m',
    fires: [{ labels: inPredictor, summary: errorsFast }],
  },
  {
    alert: 'PredictorErrorBudgetBurningFast',
    says: 'five of a thousand are no matter for the night',
    series: answers('0+995x40', '0+5x40'),
    at: '35m',
    fires: [],
  },
  {
    alert: 'PredictorErrorBudgetBurningFast',
    says: 'it was bad, and is over for half an hour',
    series: answers('0+500x10 5000+1000x50', '0+500x10 5000x50'),
    at: '50m',
    fires: [],
  },
  {
    alert: 'PredictorErrorBudgetBurningFast',
    says: 'one of a hundred for four hours, after a good day',
    series: answers(counter([day, 1_000], [4 * hour, 990]), counter([day, 0], [4 * hour, 10])),
    everyMinutes,
    at: `${day + 4 * hour - everyMinutes}m`,
    fires: [{ labels: inPredictor, summary: errorsFast }],
  },
  {
    alert: 'PredictorErrorBudgetBurningFast',
    says: 'that was so, and is over for forty minutes',
    series: answers(counter([day, 1_000], [4 * hour, 990], [40, 1_000]), counter([day, 0], [4 * hour, 10], [40, 0])),
    everyMinutes,
    at: `${day + 4 * hour + 40 - everyMinutes}m`,
    fires: [],
  },
  {
    alert: 'PredictorErrorBudgetBurningFast',
    says: 'without a request there is no error',
    series: answers('7x40', '3x40'),
    at: '35m',
    fires: [],
  },
  {
    alert: 'PredictorErrorBudgetBurningFast',
    says: 'three of sixty answers, where no more than sixty come in an hour',
    series: answers('0+1x70', '0x50 1x9 2+1x1 3x9'),
    at: '64m',
    fires: [],
  },
  {
    alert: 'PredictorErrorBudgetBurningFast',
    says: 'ten of sixty answers',
    series: answers('0+1x70', '0x50 1+1x20'),
    at: '64m',
    fires: [{ labels: inPredictor, summary: errorsFast }],
  },
  {
    alert: 'PredictorErrorBudgetBurningSlowly',
    says: 'two of a thousand, all the time',
    series: answers('0+998x60', '0+2x60'),
    at: '50m',
    fires: [{ labels: inPredictor, summary: errorsSlow }],
  },
  {
    alert: 'PredictorErrorBudgetBurningSlowly',
    says: 'nine bad hours, which are little beside the busier days before',
    series: answers(
      counter([2 * day, 3_000], [15 * hour, 1_000], [9 * hour, 990]),
      counter([2 * day, 0], [15 * hour, 0], [9 * hour, 10]),
    ),
    everyMinutes,
    at: `${3 * day - everyMinutes}m`,
    fires: [{ labels: inPredictor, summary: errorsSlow }],
  },
  {
    alert: 'PredictorErrorBudgetBurningSlowly',
    says: 'that was so, and is over for three hours',
    series: answers(
      counter([2 * day, 3_000], [15 * hour, 1_000], [9 * hour, 990], [3 * hour, 1_000]),
      counter([2 * day, 0], [15 * hour, 0], [9 * hour, 10], [3 * hour, 0]),
    ),
    everyMinutes,
    at: `${3 * day + 3 * hour - everyMinutes}m`,
    fires: [],
  },
  {
    alert: 'PredictorErrorBudgetBurningSlowly',
    says: 'three of two thousand for three days',
    series: answers(counter([3 * day, 1_997]), counter([3 * day, 3])),
    everyMinutes,
    at: `${3 * day - everyMinutes}m`,
    fires: [{ labels: inPredictor, summary: errorsSlow }],
  },
  {
    alert: 'PredictorErrorBudgetBurningSlowly',
    says: 'that was so, and is over for seven hours',
    series: answers(counter([3 * day, 1_997], [7 * hour, 2_000]), counter([3 * day, 3], [7 * hour, 0])),
    everyMinutes,
    at: `${3 * day + 7 * hour - everyMinutes}m`,
    fires: [],
  },
  {
    alert: 'PredictorErrorBudgetBurningSlowly',
    says: 'half of what the objective allows',
    series: answers('0+1999x60', '0+1x60'),
    at: '50m',
    fires: [],
  },
  {
    alert: 'PredictorLatencyBudgetBurningFast',
    says: 'a fifth of the answers is slow',
    series: durations('0+800x40', '0+1000x40'),
    at: '30m',
    fires: [{ labels: inPredictor, summary: slowFast }],
  },
  {
    alert: 'PredictorLatencyBudgetBurningFast',
    says: 'one in twenty is no matter for the night',
    series: durations('0+950x40', '0+1000x40'),
    at: '30m',
    fires: [],
  },
  {
    alert: 'PredictorLatencyBudgetBurningFast',
    says: 'four of sixteen answers, where no more come in an hour',
    series: fewSlow,
    at: '66m',
    fires: [],
  },
  {
    alert: 'PredictorLatencyBudgetBurningFast',
    says: 'eight of 32 answers',
    series: moreSlow,
    at: '82m',
    fires: [{ labels: inPredictor, summary: slowFast }],
  },
  {
    alert: 'PredictorLatencyBudgetBurningSlowly',
    says: 'four of twenty answers, where no more come in a day',
    series: fewSlow,
    at: '70m',
    fires: [],
  },
  {
    alert: 'PredictorLatencyBudgetBurningSlowly',
    says: 'two of a hundred, all the time',
    series: durations('0+980x60', '0+1000x60'),
    at: '50m',
    fires: [{ labels: inPredictor, summary: slowSlow }],
  },
  {
    alert: 'PredictorLatencyBudgetBurningSlowly',
    says: 'half of what the objective allows',
    series: durations('0+995x60', '0+1000x60'),
    at: '50m',
    fires: [],
  },
  {
    alert: 'PredictorMetricsAbsent',
    says: 'pods are scraped, and answer something else',
    series: up('1x20'),
    at: '15m',
    fires: [{ labels: { job: 'predictor' }, summary: 'Prometheus has no metrics of the predictor.' }],
  },
  {
    alert: 'PredictorMetricsAbsent',
    says: 'they are there',
    series: answers('0x20', '0x20'),
    at: '15m',
    fires: [],
  },
]
