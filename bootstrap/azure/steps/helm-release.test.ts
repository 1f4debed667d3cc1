import t, { type Test } from 'tap'
import { planSteps } from '../dry-run.ts'
import { json, type Recording } from '../recordings/recording.ts'
import { runStep } from '../run-steps.ts'
import { recordedWorld, type TestWorld } from '../testing.ts'
import { traefik } from './charts.ts'
import { ingress } from './ingress.ts'

const inNamespace = '--kubeconfig {kubeconfig} --namespace traefik'
const upgrade = 'helm upgrade --install traefik traefik'
const wanted = `traefik-${traefik.version}`

/** https://helm.sh/docs/helm/helm_list */
const listed = (status: string): Recording => ({
  command: 'helm list',
  stdout: json([
    {
      name: 'traefik',
      namespace: 'traefik',
      revision: '4',
      updated: '2026-11-26 09:12:44.214311 +0000 UTC',
      status,
      chart: wanted,
      app_version: 'v3.7.11',
    },
  ]),
})

/** https://helm.sh/docs/helm/helm_history; the last of these since so many minutes. */
const history = (minutes: number, ...statuses: readonly string[]): Recording => ({
  command: 'helm history traefik',
  stdout: json(
    statuses.map((status, index) => ({
      revision: index + 1,
      updated: new Date(Date.now() - minutes * 60_000).toISOString().replace('Z', '123456Z'),
      status,
      chart: wanted,
      app_version: 'v3.7.11',
      description: 'Preparing upgrade',
    })),
  ),
})

/** A release that only what is run here makes whole; as Helm does it, an upgrade of a pending one is refused. */
function left(t: Test, status: string, past: Recording): Promise<TestWorld> {
  return recordedWorld(t, {
    recordings: [
      listed(status),
      past,
      {
        command: upgrade,
        exitCode: 1,
        stderr: 'Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress',
      },
      { command: 'helm rollback', stdout: 'Rollback was a success! Happy Helming!' },
      { command: upgrade, after: 'helm rollback', stdout: 'Release "traefik" has been upgraded. Happy Helming!' },
      { ...listed('deployed'), after: upgrade },
      { command: 'helm get values traefik', stdout: json(traefik.values) },
    ],
  })
}

const isChange = (line: string): boolean => /^helm (upgrade|rollback|uninstall)/.test(line)

for (const status of ['pending-upgrade', 'pending-rollback']) {
  t.test(
    `what a killed Helm left ${status} is gone back from, to what was deployed last, and then upgraded`,
    async (t) => {
      const world = await left(t, status, history(31, 'superseded', 'deployed', 'failed', status))
      t.match(await runStep(ingress, world.context(), () => undefined), { ok: true, detail: `${wanted} in traefik` })
      const [first, second, ...others] = world.ran.filter(isChange)
      t.equal(first, `helm rollback traefik 2 ${inNamespace}`)
      t.ok(second?.startsWith(upgrade))
      t.same(others, [])
    },
  )
}

t.test('a Helm that may still be at work is left alone, and a person is told what to do where it is not', async (t) => {
  const world = await left(t, 'pending-upgrade', history(29, 'superseded', 'deployed', 'pending-upgrade'))
  const { ok, detail } = await runStep(ingress, world.context(), () => undefined)
  t.notOk(ok)
  t.match(detail, /^release traefik of Helm in namespace traefik: it is pending-upgrade since 20/)
  t.match(
    detail,
    /To mend: wait for its end\. Where it was killed: helm rollback traefik 2 --kubeconfig \S+ --namespace traefik, then/,
  )
  t.same(world.ran.filter(isChange), [])
})

t.test('a first install that was killed is never uninstalled by itself', async (t) => {
  for (const minutes of [1, 31]) {
    const world = await left(t, 'pending-install', history(minutes, 'pending-install'))
    const { ok, detail } = await runStep(ingress, world.context(), () => undefined)
    t.notOk(ok)
    t.match(
      detail,
      /it is pending-install since [^]*To mend: [^]*helm uninstall traefik --kubeconfig \S+ --namespace traefik, then/,
    )
    t.same(world.ran.filter(isChange), [])
  }
})

t.test('a dry run prints the way back, too, and asks nothing that it needs', async (t) => {
  const world = await left(t, 'pending-upgrade', history(31, 'deployed', 'pending-upgrade'))
  const planned = (await planSteps([ingress], world.context({ isDryRun: true }))).lines.join('\n')
  t.match(planned, /helm rollback traefik 1 [^]*helm upgrade --install traefik/)
  t.same(world.ran.filter(isChange), [])

  const nothing = await recordedWorld(t, { recordings: [] })
  const { lines } = await planSteps([ingress], nothing.context({ isDryRun: true }))
  t.match(lines.join('\n'), /helm upgrade --install traefik/)
})

t.test('a release that failed is upgraded as it is', async (t) => {
  const world = await recordedWorld(t, {
    recordings: [
      listed('failed'),
      { command: upgrade },
      { ...listed('deployed'), after: upgrade },
      { command: 'helm get values traefik', stdout: json(traefik.values) },
    ],
  })
  t.match(await runStep(ingress, world.context(), () => undefined), { ok: true })
  t.equal(world.ran.filter(isChange).length, 1)
})
