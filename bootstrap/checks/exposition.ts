/** A metric as its program exposes it. */
export interface ExposedMetric {
  readonly type: string
  /** Of all its series; empty where it has none, or none yet. */
  readonly labels: ReadonlySet<string>
  /** The names by which its series can be queried. */
  readonly series: readonly string[]
}

/**
 * Reads what a scrape reads.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function readExposition(body: string): ReadonlyMap<string, ExposedMetric> {
  const metrics = new Map<string, ExposedMetric & { readonly labels: Set<string> }>()
  for (const [, name = '', type = ''] of body.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const suffixes = type === 'histogram' ? ['', '_bucket', '_sum', '_count'] : ['']
    metrics.set(name, { type, labels: new Set(), series: suffixes.map((suffix) => `${name}${suffix}`) })
  }
  const bySeries = new Map([...metrics.values()].flatMap((metric) => metric.series.map((name) => [name, metric])))
  for (const [, name = '', labels = ''] of body.matchAll(/^([a-zA-Z_:][\w:]*)\{(.*)\} \S+$/gm)) {
    for (const [, label = ''] of labels.matchAll(/([a-zA-Z_]\w*)="(?:[^"\\]|\\.)*"/g)) {
      if (label !== 'le') bySeries.get(name)?.labels.add(label)
    }
  }
  return metrics
}
