import type { Reason } from '../api/reasons.ts'

/** What choosing needs to know of a bundle that is attached to the image. */
interface AttachedBundle {
  readonly digest: string
  readonly revision?: string
}

export type BundleChoice<T> =
  | { readonly kind: 'bundle'; readonly bundle: T }
  | { readonly kind: 'none' }
  | { readonly kind: 'ambiguous'; readonly reason: Extract<Reason, 'BundleAmbiguous'>; readonly message: string }

/** Exactly one bundle whose revision equals the tag counts; those of other revisions are left alone. */
export function chooseBundle<T extends AttachedBundle>(bundles: readonly T[], tag: string): BundleChoice<T> {
  // A list that is read page by page may name one twice.
  const ours = [...new Map(bundles.map((bundle) => [bundle.digest, bundle])).values()].filter(
    ({ revision }) => revision === tag,
  )
  const [bundle, ...others] = ours
  if (bundle === undefined) return { kind: 'none' }
  if (others.length === 0) return { kind: 'bundle', bundle }
  const digests = ours.map(({ digest }) => digest).sort()
  return {
    kind: 'ambiguous',
    reason: 'BundleAmbiguous',
    message: `${ours.length} bundles of revision ${tag} are attached to the image (${digests.join(', ')}); delete all but one and ask for a reconcile by the annotation windlass.dev/reconcile-requested-at`,
  }
}
