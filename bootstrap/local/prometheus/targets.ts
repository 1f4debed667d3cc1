import type { V1Pod } from '@kubernetes/client-node'
import { isIPv6 } from 'node:net'

/** An entry of a file for discovery: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config */
export interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Every running pod that asks to be scraped, known by the labels `namespace`, `pod`, `node`, and `app` and `job` after
 * `app.kubernetes.io/name`; by name, so that the same pods make the same list.
 *
 * The annotations are those of Prometheus's Helm chart: `prometheus.io/scrape`, `/port`, `/path` and `/scheme`.
 */
export function podTargets(pods: readonly V1Pod[]): readonly TargetGroup[] {
  return pods
    .flatMap(targetOf)
    .toSorted((a, b) =>
      byText(`${a.labels['namespace']}/${a.labels['pod']}`, `${b.labels['namespace']}/${b.labels['pod']}`),
    )
}

function targetOf({ metadata, spec, status }: V1Pod): readonly TargetGroup[] {
  const asked = (name: string): string | undefined => metadata?.annotations?.[`prometheus.io/${name}`]
  const ip = status?.podIP
  const port = asked('port')
  if (asked('scrape') !== 'true' || status?.phase !== 'Running' || !ip || !port || !/^\d{1,5}$/.test(port)) return []

  const app = metadata?.labels?.['app.kubernetes.io/name']
  const path = asked('path')
  return [
    {
      targets: [`${isIPv6(ip) ? `[${ip}]` : ip}:${port}`],
      labels: {
        namespace: metadata?.namespace ?? '',
        pod: metadata?.name ?? '',
        ...(spec?.nodeName && { node: spec.nodeName }),
        ...(app && { app, job: app }),
        ...(path?.startsWith('/') && { __metrics_path__: path }),
        ...(asked('scheme') === 'https' && { __scheme__: 'https' }),
      },
    },
  ]
}

/** By code unit, whatever the locale. */
function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
