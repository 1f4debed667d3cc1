/**
 * Every annotation and label that the reconciler reads or writes, and the names under which it writes. What stands
 * here is an API: a name is never changed within a version.
 */

/** The operator's hand; each works on its own, without the CLI. */
export const operatorAnnotations = {
  /** On a Delivery, its Namespace, one managed object, or the reconciler's own Namespace: `"true"`, or a time. */
  paused: 'windlass.dev/paused',
  /** Beside `paused`: `all` (no write) or `releases` (drift is still corrected, new releases wait). */
  pauseMode: 'windlass.dev/pause-mode',
  /** Beside `paused`: why, for people. */
  pauseReason: 'windlass.dev/pause-reason',
  /** Beside `paused`: who, for people. */
  pausedBy: 'windlass.dev/paused-by',
  /** On a Delivery: a tag or digest to deploy and hold until the annotation is removed. */
  pin: 'windlass.dev/pin',
  /** On a Delivery: reconcile now; one-shot by value. */
  reconcileRequestedAt: 'windlass.dev/reconcile-requested-at',
  /** On a Delivery: a tag or digest to let out of quarantine; one-shot by value. */
  retry: 'windlass.dev/retry',
  /** On a managed object: `disabled` keeps it from ever being deleted. */
  prune: 'windlass.dev/prune',
} as const

/**
 * On every managed object: the name of its Delivery, by which the cluster-wide watches select. A label's value has
 * 63 characters at most, so a Delivery's name has too.
 */
export const deliveryLabel = 'windlass.dev/delivery'

/** On every managed object: `NAMESPACE/NAME/UID` of its Delivery; the label alone could be set by anyone by chance. */
export const ownerAnnotation = 'windlass.dev/owner'

/** On the pod that leads, `"true"`: the Service of hooks and page selects by it. */
export const leaderLabel = 'windlass.dev/leader'

/** On an image or its index, and on its bundle: what CI says of a release. */
export const imageAnnotations = {
  /** A whole number that only grows in push order; in GitHub Actions the release workflow's run number. */
  sequence: 'windlass.dev/sequence',
  /** The full SHA of the commit. */
  revision: 'org.opencontainers.image.revision',
} as const

/** On a Delivery whose policy is Delete: it goes once what it delivered is gone, or can't be deleted. */
export const deletionFinalizer = 'windlass.dev/deletion'

/** The one field manager of server-side apply. */
export const fieldManager = 'windlass'

/** `reportingController` of Events. */
export const reportingController = 'windlass.dev/reconciler'

export interface Owner {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

export function formatOwner({ namespace, name, uid }: Owner): string {
  return `${namespace}/${name}/${uid}`
}

/** Undefined where the text is not an owner. */
export function parseOwner(text: string): Owner | undefined {
  const [namespace, name, uid, ...rest] = text.split('/')
  if (!namespace || !name || !uid || rest.length > 0) return undefined
  return { namespace, name, uid }
}
