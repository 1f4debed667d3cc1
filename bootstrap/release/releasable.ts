import { programs, type Program } from '../local/images/image-context.ts'

/** What a release of a program is made of; what is not delivered by its manifests has none. */
export interface Releasable {
  readonly program: Program
  readonly dockerfile: string
  readonly repository: string
  readonly delivered?: {
    readonly manifests: string
    readonly namespace: string
    readonly serviceAccount: string
  }
}

export const releasables = {
  predictor: {
    program: programs.predictor,
    dockerfile: 'predictor/Dockerfile',
    repository: 'predictor',
    delivered: {
      manifests: 'manifests/predictor/release',
      namespace: 'predictor',
      serviceAccount: 'predictor-deployer',
    },
  },
  // It is brought up by bootstrap or chart, never by a Delivery of its own.
  reconciler: {
    program: programs.reconciler,
    dockerfile: 'reconciler/Dockerfile',
    repository: 'windlass',
  },
} as const satisfies Record<string, Releasable>

export type ReleasableName = keyof typeof releasables

export function isReleasable(name: string): name is ReleasableName {
  return Object.hasOwn(releasables, name)
}
