import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import * as units from '@grafana/grafana-foundation-sdk/units'
import { graph } from './panels.ts'

/** What a Node.js process uses and lacks, by pod; both programs measure the same of themselves. */
export function processPanels(pods: string): readonly Builder<Panel>[] {
  const common = { span: 8 } as const
  return [
    graph({
      ...common,
      title: 'CPU',
      description: 'CPU seconds a second of each pod. One thread does the work: near 1 it is full.',
      unit: units.Short,
      queries: [
        { expr: `sum by (pod) (rate(process_cpu_seconds_total{${pods}}[$__rate_interval]))`, legend: '{{pod}}' },
      ],
    }),
    graph({
      ...common,
      title: 'Lag of the event loop',
      description:
        'How late timers are at the worst of a hundred: what each request waits at least when a pod is full.',
      unit: units.Seconds,
      queries: [{ expr: `max by (pod) (nodejs_eventloop_lag_p99_seconds{${pods}})`, legend: '{{pod}}' }],
    }),
    graph({
      ...common,
      title: 'Memory',
      description: 'Resident memory, which the limit of the container counts, and the part of it that is live heap.',
      unit: units.BytesIEC,
      queries: [
        { expr: `max by (pod) (process_resident_memory_bytes{${pods}})`, legend: '{{pod}} resident' },
        { expr: `max by (pod) (nodejs_heap_size_used_bytes{${pods}})`, legend: '{{pod}} heap' },
      ],
    }),
    graph({
      ...common,
      title: 'Garbage collection',
      description: 'Seconds a second that a pod collects garbage, by kind: time in which nothing else runs.',
      unit: units.Short,
      queries: [
        {
          expr: `sum by (pod, kind) (rate(nodejs_gc_duration_seconds_sum{${pods}}[$__rate_interval]))`,
          legend: '{{pod}} {{kind}}',
        },
      ],
    }),
    graph({
      ...common,
      title: 'File descriptors',
      description: 'Share of what a pod may have open: connections, mostly. At 1 it takes no more.',
      unit: units.PercentUnit,
      queries: [
        {
          expr: `max by (pod) (process_open_fds{${pods}}) / max by (pod) (process_max_fds{${pods}})`,
          legend: '{{pod}}',
        },
      ],
    }),
  ]
}
