import { isDeepStrictEqual } from 'node:util'
import { type AuditEvent, endOfAuditLog } from '../../local/audit-log.ts'
import { platform } from '../../local/backend.ts'
import { formatElapsed } from '../../local/elapsed.ts'
import { repositories } from '../../local/identities.ts'
import { clusterOf, type DemoContext, made, releaseOf, runningOf, type Settings, worldOf } from '../context.ts'
import { deliveredWrites, isByReconciler } from '../delivered-writes.ts'
import { eventually } from '../eventually.ts'
import { predictorContainer, predictorNamespace as namespace } from '../names.ts'
import { inPredictor, operate, type Report } from '../operator.ts'
import { isWell } from '../running-release.ts'
import { notOk, ok, type Step, type Verdict } from '../step.ts'
import type { World } from '../world.ts'

const name = 'predictor'
const repository = `${platform.registryHost}/${repositories.predictor}`
/** As the audit log names what another hand changes here. */
const changed = ['deployments', 'horizontalpodautoscalers', 'configmaps'] as const

export const driftCorrected: Step<DemoContext> = {
  name: 'drift-corrected',
  title: 'Image, scale and settings changed by hand: taken back',
  act: async (context, report) => {
    const before = await readSettings(worldOf(context))
    context.drift = { fromByte: await endOfAuditLog(clusterOf(context).auditLog), before }
    const image = `${repository}@${releaseOf(context, 'first').digest}`
    const args = ['set', 'image', `deployment/${name}`, `${predictorContainer}=${image}`]
    await operate(context, [...inPredictor, ...args], { report })
    // How many pods there are is the autoscaler's to say: to scale by hand is to change its bounds.
    await edit(context, `hpa/${name}`, 's/minReplicas: 2/minReplicas: 1/', report)
    await edit(context, `configmap/${name}`, 's/LOG_LEVEL: info/LOG_LEVEL: trace/', report)
  },
  check: async (context, options) => {
    const restored = await eventually(() => areRestored(context), options)
    if (!restored.ok) return restored
    const well = await isWell(context, runningOf(context), options)
    return well.ok ? ok(`${restored.detail}; ${well.detail}`) : well
  },
}

async function areRestored(context: DemoContext): Promise<Verdict> {
  const { fromByte, before } = made(context.drift, 'drift-corrected')
  const { sha, digest } = releaseOf(context, runningOf(context))
  const [image, settings] = await Promise.all([readImage(worldOf(context)), readSettings(worldOf(context))])
  if (image !== `${repository}:${sha}@${digest}`) return notOk(`the image is left as changed by hand: ${image}`)
  if (!isDeepStrictEqual(settings, before)) return notOk(`left as changed by hand: ${JSON.stringify(settings)}`)
  const writes = await deliveredWrites(clusterOf(context).auditLog, fromByte)
  const times: string[] = []
  for (const resource of changed) {
    const ofIt = writes.filter(({ objectRef }) => objectRef?.resource === resource)
    const byHand = ofIt.findLastIndex(isByHand)
    const [hand, back] = [ofIt[byHand], ofIt.slice(byHand + 1).find(isByReconciler)]
    if (hand === undefined) return notOk(`the audit log holds no change of ${resource} by hand`)
    if (back === undefined) return notOk(`the audit log holds no write that took ${resource} back`)
    times.push(formatElapsed(Date.parse(back.stageTimestamp) - Date.parse(hand.stageTimestamp)))
  }
  return ok(`each was taken back, after ${times.join(', ')}`)
}

/** What is not of the cluster itself. */
function isByHand({ user }: AuditEvent): boolean {
  return !user.username.startsWith('system:')
}

async function readImage({ apps }: World): Promise<string | undefined> {
  const { spec } = await apps.readNamespacedDeployment({ namespace, name })
  return spec?.template.spec?.containers.find(({ name }) => name === predictorContainer)?.image
}

async function readSettings({ autoscaling, core }: World): Promise<Settings> {
  const [scaler, configMap] = await Promise.all([
    autoscaling.readNamespacedHorizontalPodAutoscaler({ namespace, name }),
    core.readNamespacedConfigMap({ namespace, name }),
  ])
  return { minReplicas: scaler.spec?.minReplicas, logLevel: configMap.data?.['LOG_LEVEL'] }
}

/** `kubectl edit`, by an editor that needs nobody to type. */
async function edit(context: DemoContext, object: string, script: string, report: Report): Promise<void> {
  const env = { KUBE_EDITOR: `sed -i "${script}"` }
  await operate(context, [...inPredictor, 'edit', object], { report, env })
}
