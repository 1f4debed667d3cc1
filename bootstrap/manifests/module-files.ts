import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Manifest } from '../local/install.ts'
import { moduleFolders } from '../local/go-modules.ts'

/** Definitions of others' kinds that our charts can render, at the versions that `go/crds/go.mod` pins. */
const definitions = {
  'github.com/prometheus-operator/prometheus-operator': [
    'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml',
    'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
    'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
  ],
  'sigs.k8s.io/gateway-api': ['config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
  'github.com/cilium/cilium': ['pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml'],
} as const

/** The CustomResourceDefinitions of all kinds that are neither Kubernetes's nor ours. */
export async function foreignDefinitions(onStep?: (step: string) => void): Promise<readonly Manifest[]> {
  const folders = await moduleFolders('crds', onStep && { onStep })
  const found: Manifest[] = []
  for (const [module, files] of Object.entries(definitions)) {
    const folder = folders[module]
    if (folder === undefined) throw new Error(`bootstrap/local/go/crds/go.mod does not name ${module}`)
    for (const file of files) found.push(parse(await readFile(join(folder, file), 'utf8')) as Manifest)
  }
  const monitors = found.filter(({ metadata }) => metadata?.name?.endsWith('monitors.monitoring.coreos.com'))
  return [...found, ...monitors.map(ofAzure)]
}

/**
 * Azure's managed Prometheus has the operator's kinds in a group of its own, and is published nowhere as a file that
 * could be fetched here. https://learn.microsoft.com/azure/azure-monitor/containers/prometheus-metrics-scrape-crd
 */
function ofAzure(definition: Manifest): Manifest {
  return JSON.parse(
    JSON.stringify(definition)
      .replaceAll('"monitoring.coreos.com"', '"azmonitoring.coreos.com"')
      .replaceAll(
        `"${definition.metadata?.name}"`,
        `"${definition.metadata?.name?.replace('.monitoring.', '.azmonitoring.')}"`,
      ),
  ) as Manifest
}
