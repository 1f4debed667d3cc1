import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { checkout } from '../../local/checkout.ts'
import { planSteps } from '../dry-run.ts'
import { json, type Recording } from '../recordings/recording.ts'
import { runStep } from '../run-steps.ts'
import { kubePrometheusStack } from '../steps/charts.ts'
import { monitoring } from '../steps/monitoring.ts'
import { recordedWorld, type TestWorld } from '../testing.ts'

const folder = join(checkout, 'dashboards')
const values = parse(await readFile(join(folder, 'kube-prometheus-stack', 'values.yaml'), 'utf8')) as object
const options = `--kubeconfig {kubeconfig} --server-side --force-conflicts --kustomize ${folder}`
const apply = `kubectl apply ${options}`

/** https://helm.sh/docs/helm/helm_list */
const release = {
  name: 'kube-prometheus-stack',
  namespace: 'monitoring',
  revision: '2',
  updated: '2026-11-26 09:12:44.214311 +0000 UTC',
  status: 'deployed',
  chart: `kube-prometheus-stack-${kubePrometheusStack.version}`,
  app_version: 'v0.92.1',
}

/** A chart that is as it should be, beside dashboards and rules of which `kubectl diff` says this. */
function installed(t: Test, diff: Omit<Recording, 'command'> = {}): Promise<TestWorld> {
  return recordedWorld(t, {
    recordings: [
      {
        command: 'kubectl get secret alertmanager-smtp',
        exitCode: 1,
        stderr: 'Error from server (NotFound): secrets "alertmanager-smtp" not found',
      },
      { command: 'kubectl get secret grafana-admin', stdout: 'secret/grafana-admin' },
      { command: 'helm list', stdout: json([release]) },
      { command: 'helm get values', stdout: json({ ...values, alertmanager: { enabled: false } }) },
      // https://kubernetes.io/docs/reference/kubectl/generated/kubectl_diff
      { command: `kubectl diff ${options}`, ...diff },
      { command: apply, stdout: 'prometheusrule.monitoring.coreos.com/windlass serverside-applied' },
      { command: `kubectl diff ${options}`, after: apply },
    ],
  })
}

const isChange = (line: string): boolean => /^(helm upgrade|kubectl apply)/.test(line)

t.test('begun again with the same rules and dashboards, nothing is changed, and a dry run says so', async (t) => {
  const world = await installed(t)
  t.match(await runStep(monitoring, world.context(), () => undefined), { ok: true })
  const { lines } = await planSteps([monitoring], world.context({ isDryRun: true }))
  t.match(lines[1], /nothing to do: /)
  t.same(world.ran.filter(isChange), [])
})

const changed: Readonly<Record<string, Omit<Recording, 'command'>>> = {
  'a rule is another one': { exitCode: 1, stdout: '-      for: 300s\n+      for: 600s' },
  'there are none yet': {
    exitCode: 1,
    stderr: 'Error from server (NotFound): namespaces "monitoring" not found',
  },
  'their kind is not there yet': {
    exitCode: 1,
    stderr: 'error: no matches for kind "PrometheusRule" in version "monitoring.coreos.com/v1"',
  },
}

for (const [name, diff] of Object.entries(changed)) {
  t.test(`rules and dashboards are applied, as a dry run prints it, where ${name}`, async (t) => {
    const world = await installed(t, diff)
    t.match(await monitoring.find(world.context()), { isDone: false })
    const { lines } = await planSteps([monitoring], world.context({ isDryRun: true }))
    t.same(world.ran.filter(isChange), [])
    const { folder: home } = world.context()
    t.ok(lines.includes(`  ${apply.replace('{kubeconfig}', join(home, 'kubeconfig'))}`), lines.join('\n'))

    // What of the actions is kubectl's; the others are run for real in the end-to-end test.
    for (const action of await monitoring.actions(world.context())) {
      if (action.text.startsWith('kubectl')) await action.perform(world.context())
    }
    t.same(world.ran.filter(isChange), [apply])
    t.match(await monitoring.find(world.context()), { isDone: true })
  })
}

t.test('where the API server can not be asked, that is told, and nothing is applied', async (t) => {
  for (const exitCode of [1, 2]) {
    const world = await installed(t, { exitCode, stderr: 'Unable to connect to the server: i/o timeout' })
    const { ok, detail } = await runStep(monitoring, world.context(), () => undefined)
    t.notOk(ok)
    t.match(detail, /i\/o timeout[^]*To mend: the API server does not answer this machine/)
    t.same(world.ran.filter(isChange), [])
  }
})
