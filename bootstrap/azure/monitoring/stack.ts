import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { checkout } from '../../local/checkout.ts'
import type { Manifest } from '../../local/install.ts'
import { kubectl, runUnless, type AzureContext } from '../context.ts'
import { applying, calling, done, toDo, type Action } from '../step.ts'
import type { Chart } from '../steps/charts.ts'
import { isUnchanged } from '../steps/applied.ts'
import { findRelease, installRelease } from '../steps/helm-release.ts'
import type { Monitoring } from '../steps/monitoring.ts'
import { mailNotes } from './mail-notes.ts'

const grafanaSecret = 'grafana-admin'
const mailSecret = 'alertmanager-smtp'

/** The Prometheus operator with Prometheus and Grafana; Alertmanager too, once the Secret of its mailbox is there. */
export const prometheusStack: Monitoring = {
  find: async (context) => {
    const hasMail = await hasSecret(context, mailSecret)
    const chart = await chartOf(context, hasMail)
    const found = await findRelease(context, chart)
    if (!found.isDone) return found
    const isApplied = await isUnchanged(context, kubectl(context, 'diff', dashboards))
    if (!isApplied) return toDo('monitors, rules and dashboards are not what their files say')
    context.notes.push(...mailNotes(chart.values, hasMail))
    return done(found.detail)
  },
  actions: async (context) => {
    const { namespace } = context.charts.prometheus
    const isThere = await hasSecret(context, grafanaSecret)
    return [
      applying([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]),
      ...(isThere ? [] : [grafanaPassword(namespace)]),
      ...(await installRelease(context, await chartOf(context, await hasSecret(context, mailSecret)))),
      calling(kubectl(context, 'apply', dashboards)),
    ]
  },
}

/** What is compared is what is applied: by the same options. */
const dashboards = { 'server-side': true, 'force-conflicts': true, kustomize: join(checkout, 'dashboards') } as const

const isNotThere = /NotFound|not found/

async function hasSecret(context: AzureContext, name: string): Promise<boolean> {
  const { namespace } = context.charts.prometheus
  const call = kubectl(context, `get secret ${name}`, { namespace, output: 'name' })
  const answer = await runUnless(context, call, isNotThere).catch((error: unknown) => {
    if (!context.isDryRun) throw error
    return undefined
  })
  return answer !== undefined
}

/** Made here and shown to nobody; who administers the cluster reads it there. */
function grafanaPassword(namespace: string): Action {
  const metadata = { name: grafanaSecret, namespace }
  const secret: Manifest = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque' }
  const { perform } = applying([
    { ...secret, stringData: { user: 'admin', password: randomBytes(24).toString('base64url') } },
  ])
  return {
    text: `apply Secret ${namespace}/${grafanaSecret}, with a password drawn for it`,
    perform: async (context) => {
      await perform(context)
      context.notes.push(
        `Grafana's password: kubectl --namespace ${namespace} get secret ${grafanaSecret} --output jsonpath='{.data.password}' | base64 --decode`,
      )
    },
  }
}

async function chartOf(context: AzureContext, hasMail: boolean): Promise<Chart> {
  const file = join(checkout, 'dashboards', 'kube-prometheus-stack', 'values.yaml')
  const values = parse(await readFile(file, 'utf8')) as { readonly alertmanager: object }
  const { prometheus } = context.charts
  if (hasMail) return { ...prometheus, values: { ...values, ...prometheus.values } }
  return { ...prometheus, values: { ...values, alertmanager: { enabled: false }, ...prometheus.values } }
}
