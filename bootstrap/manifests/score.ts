import type { Manifest } from '../local/install.ts'

/** As `kube-score score --output-format json` answers. */
export interface ScoredObject {
  readonly type_meta: { readonly kind: string }
  readonly object_meta: { readonly name: string }
  readonly checks: ReadonlyArray<{
    readonly check: { readonly id: string }
    readonly grade: number
    readonly skipped: boolean
    readonly comments: ReadonlyArray<{ readonly path: string; readonly summary: string }> | null
  }>
}

/** What is passed over, by the check's name and the object's, and why. */
export interface Exception {
  readonly check: string
  /** `Kind/name` */
  readonly object: string
  readonly reason: string
}

const programs = ['Deployment/windlass', 'Deployment/predictor']

export const exceptions: readonly Exception[] = [
  ...programs.flatMap((object) => [
    {
      check: 'container-image-pull-policy',
      object,
      reason: 'Pinned by digest, so what a node has is what the registry has; a node must start pods without it.',
    },
    {
      check: 'container-ephemeral-storage-request-and-limit',
      object,
      reason: 'The root is read-only and there is no volume to write to; what is left, the log, the kubelet bounds.',
    },
    {
      check: 'deployment-has-host-podantiaffinity',
      object,
      reason: 'Spread by topologySpreadConstraints, over hosts and zones, which a rollout does not trip over.',
    },
  ]),
  {
    check: 'container-resources',
    object: 'Deployment/windlass',
    reason: 'No limit on CPU: a leader that is throttled in the midst of a rollout loses its Lease.',
  },
]

/** Exceptions that hold only where Cilium's own kind is used, which the scanner does not know. */
export const ciliumExceptions: readonly Exception[] = programs.map((object) => ({
  check: 'pod-networkpolicy',
  object,
  reason: 'A CiliumNetworkPolicy selects them, in place of the NetworkPolicy.',
}))

/** Grade of a check with nothing to remark; kube-score's AllOK. */
const allOk = 10

/** What the scanner has against the objects, `check Kind/name: summary`, and which of the exceptions were met. */
export function judgeScore(
  scored: readonly ScoredObject[],
  objects: readonly Manifest[],
): { readonly problems: readonly string[]; readonly met: readonly Exception[] } {
  const isCilium = objects.some(({ kind }) => kind === 'CiliumNetworkPolicy')
  const allowed = [...exceptions, ...(isCilium ? ciliumExceptions : [])]
  const problems: string[] = []
  const met: Exception[] = []
  for (const { type_meta, object_meta, checks } of scored) {
    const object = `${type_meta.kind}/${object_meta.name}`
    for (const { check, grade, skipped, comments } of checks) {
      if (skipped || grade >= allOk) continue
      const exception = allowed.find((one) => one.check === check.id && one.object === object)
      if (exception) met.push(exception)
      else problems.push(`${check.id} ${object}: ${(comments ?? []).map(({ summary }) => summary).join('; ')}`)
    }
  }
  return { problems, met }
}
