import { counted } from '../local/counted.ts'
import type { ReleaseName } from './changes.ts'
import { type DemoContext, releaseOf, worldOf } from './context.ts'
import { eventually } from './eventually.ts'
import { predictorContainer, predictorNamespace, predictorSelector } from './names.ts'
import { shortSha } from './push-release.ts'
import { type CheckOptions, notOk, ok, type Verdict } from './step.ts'
import { isReady, livePods, runningDigest } from './world.ts'

/** Every live pod runs that release's image, by the digest that the container runtime tells, and is ready. */
export function runsByDigest(context: DemoContext, name: ReleaseName, options: CheckOptions): Promise<Verdict> {
  return eventually(async () => {
    const { digest, sha } = releaseOf(context, name)
    const pods = await livePods(worldOf(context), predictorNamespace, predictorSelector)
    const sound = pods.filter((pod) => isReady(pod) && runningDigest(pod, predictorContainer) === digest)
    if (pods.length === 0 || sound.length < pods.length) {
      return notOk(`${sound.length} of ${pods.length} pods run ${digest} and are ready`)
    }
    return ok(`${counted(sound.length, 'pod')} of ${shortSha(sha)} by digest`)
  }, options)
}

/** What answers behind the Ingress is that release. */
export function isServed(context: DemoContext, name: ReleaseName, options: CheckOptions): Promise<Verdict> {
  return eventually(async (signal) => {
    const { sha } = releaseOf(context, name)
    const world = worldOf(context)
    const version = await world.throughIngress('/version', signal)
    if (version.status !== 200 || !version.body.includes(sha)) {
      return notOk(`/version answered ${version.status} ${version.body.slice(0, 120)}`)
    }
    const health = await world.throughIngress('/health', signal)
    if (health.status !== 200 || health.body !== '{"status":"ok"}') {
      return notOk(`/health answered ${health.status} ${health.body.slice(0, 120)}`)
    }
    return ok(`/version behind the Ingress answers ${shortSha(sha)}`)
  }, options)
}

/** It runs by digest and is served. */
export async function isWell(context: DemoContext, name: ReleaseName, options: CheckOptions): Promise<Verdict> {
  const runs = await runsByDigest(context, name, options)
  return runs.ok ? isServed(context, name, options) : runs
}
