import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { checkout } from '../local/checkout.ts'
import type { Manifest } from '../local/install.ts'
import { run } from '../local/run.ts'
import { ensureTools } from '../local/tools.ts'

export type Chart = 'predictor' | 'windlass'
export type Values = Readonly<Record<string, unknown>>

/** The Namespace of each chart's release, which the raw manifests name. */
export const namespaces = { predictor: 'predictor', windlass: 'windlass-system' } as const satisfies Record<
  Chart,
  string
>

export interface Helm {
  /** What the chart renders with these values, in the order in which Helm would install it. */
  template(chart: Chart, values?: Values, namespace?: string): Promise<readonly Manifest[]>
  /** Rejects with what Helm has against a chart, its warnings included. */
  lint(chart: Chart, values?: Values): Promise<string>
  /** Any other command. Values are read from stdin: `--values -`. */
  run(args: readonly string[], values?: Values): Promise<string>
}

export function chartFolder(chart: Chart): string {
  return join(checkout, 'manifests', 'chart', chart)
}

/** Where Helm keeps its settings and caches: https://helm.sh/docs/helm/helm */
export function helmEnv(home: string): Readonly<Record<string, string>> {
  return {
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
  }
}

/** Helm, that keeps its settings and caches in a folder of the test's own. */
export async function openHelm(t: Test, kubeconfig?: string): Promise<Helm> {
  const { helm } = await ensureTools(['helm'], { onStep: (step) => t.comment(step) })
  const home = await mkdtemp(join(tmpdir(), 'windlass-helm-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const env = { ...helmEnv(home), KUBECONFIG: kubeconfig ?? join(home, 'no-kubeconfig') }
  const call = async (args: readonly string[], values: Values = {}): Promise<string> => {
    const { stdout } = await run(helm, args, { env, input: JSON.stringify(values) })
    return stdout
  }
  return {
    run: call,
    lint: (chart, values) => call(['lint', '--strict', '--values', '-', chartFolder(chart)], values),
    template: async (chart, values, namespace = namespaces[chart]) => {
      const args = ['template', chart, chartFolder(chart), '--namespace', namespace, '--values', '-']
      return parseManifests(await call(args, values))
    },
  }
}

function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => {
      const [problem] = document.errors
      if (problem !== undefined) throw problem
      return document.toJS() as Manifest | null
    })
    .filter((manifest) => manifest !== null)
}
