import type { Leftovers, LocalBackend, LocalCluster } from '../local/backend.ts'
import { nativeBackend } from '../local/native/backend.ts'
import type { Platform } from '../local/platform.ts'
import type { PushedImage } from '../local/registry-push.ts'
import type { PushedRelease } from '../local/release.ts'
import type { ReleaseName } from './changes.ts'
import type { FailedRollout } from './failed-rollout.ts'
import type { QuietTime } from './delivered-writes.ts'
import type { ScratchRepository } from './scratch-repository.ts'
import type { World } from './world.ts'

/** What the story's steps share. A step that needs what an earlier one makes says so when it is missing. */
export interface DemoContext {
  readonly clusterName: string
  readonly backend: LocalBackend
  cluster?: LocalCluster
  /** A cluster of that name was up before: it is another's, and left alone. */
  isAnothers?: boolean
  platform?: Platform<LocalCluster>
  reconciler?: PushedImage
  world?: World
  scratch?: ScratchRepository
  /** Of what the cluster had on this machine before it was taken down. */
  leftovers?: Leftovers
  readonly releases: Map<ReleaseName, PushedRelease>
  /** Which of them is to run now, as the story has it. */
  running?: ReleaseName
  readonly failedRollouts: Map<ReleaseName, FailedRollout>
  restart?: Restart
  /** Since the pause held. */
  pause?: QuietTime
  drift?: Drift
  takeover?: Takeover
  /** Of the releases that nothing held and nothing disturbed. */
  readonly pushToReadyMs: number[]
  readonly signal: AbortSignal
}

/** A restart of the leader, after which nothing of what failed was to be applied. */
export interface Restart {
  readonly quiet: QuietTime
  /** The pod that led before, and was ended. */
  readonly endedLeader: string
  /** Polls of the registry that were seen since another pod leads. */
  readonly polls: number
}

/** What another hand changed, beside the image, and what stood there before. */
export interface Drift {
  readonly fromByte: number
  readonly before: Settings
}

/** One field of each of two objects. */
export interface Settings {
  readonly minReplicas: number | undefined
  readonly logLevel: string | undefined
}

/** A leader that was killed with a release in flight. */
export interface Takeover {
  readonly killedPod: string
  /** Where the audit log ended then. */
  readonly fromByte: number
}

export function makeContext(
  clusterName: string,
  signal: AbortSignal,
  backend: LocalBackend = nativeBackend(),
): DemoContext {
  return { clusterName, backend, releases: new Map(), failedRollouts: new Map(), pushToReadyMs: [], signal }
}

export function clusterOf({ cluster }: DemoContext): LocalCluster {
  return made(cluster, 'cluster-up')
}

export function platformOf({ platform }: DemoContext): Platform<LocalCluster> {
  return made(platform, 'registry-up')
}

export function reconcilerOf({ reconciler }: DemoContext): PushedImage {
  return made(reconciler, 'reconciler-ready')
}

export function worldOf({ world }: DemoContext): World {
  return made(world, 'cluster-up')
}

export function scratchOf({ scratch }: DemoContext): ScratchRepository {
  return made(scratch, 'cluster-up')
}

export function releaseOf({ releases }: DemoContext, name: ReleaseName): PushedRelease {
  return made(releases.get(name), `that pushes the ${name} release`)
}

export function runningOf({ running }: DemoContext): ReleaseName {
  return made(running, 'first-release')
}

export function made<T>(value: T | undefined, step: string): T {
  if (value === undefined) throw new Error(`The step ${step} has not run.`)
  return value
}
