import type { NativeCluster } from '../local/native/cluster.ts'
import type { Traces } from '../local/native/traces.ts'
import type { Platform } from '../local/platform.ts'
import type { PushedImage } from '../local/registry-push.ts'
import type { PushedRelease } from '../local/release.ts'
import type { ScratchRepository } from './scratch-repository.ts'
import type { World } from './world.ts'

/** What the story's steps share. A step that needs what an earlier one makes says so when it is missing. */
export interface DemoContext {
  readonly clusterName: string
  cluster?: NativeCluster
  platform?: Platform
  reconciler?: PushedImage
  world?: World
  scratch?: ScratchRepository
  /** What the cluster had on this machine before it was taken down. */
  traces?: Traces
  readonly releases: PushedRelease[]
  readonly pushToReadyMs: number[]
  readonly signal: AbortSignal
}

export const predictorNamespace = 'predictor'
export const predictorHost = 'predictor.windlass.test'
export const reconcilerNamespace = 'windlass-system'
export const predictorSelector = 'app.kubernetes.io/name=predictor'
export const reconcilerSelector = 'app.kubernetes.io/name=windlass'

export function clusterOf({ cluster }: DemoContext): NativeCluster {
  return made(cluster, 'cluster-up')
}

export function platformOf({ platform }: DemoContext): Platform {
  return made(platform, 'registry-up')
}

export function reconcilerOf({ reconciler }: DemoContext): PushedImage {
  return made(reconciler, 'reconciler-ready')
}

export function worldOf({ world }: DemoContext): World {
  return made(world, 'cluster-up')
}

export function scratchOf({ scratch }: DemoContext): ScratchRepository {
  return made(scratch, 'first-release')
}

export function releaseOf({ releases }: DemoContext, index: number): PushedRelease {
  return made(releases[index], index === 0 ? 'first-release' : 'second-release')
}

function made<T>(value: T | undefined, step: string): T {
  if (value === undefined) throw new Error(`The step ${step} has not run.`)
  return value
}
