/**
 * Every reason that a condition, an Event or an error may carry, each with one sentence for docs/operations.md.
 * A reason is an API: it is never renamed within a version.
 */
export const reasons = {
  Ready: 'The newest release runs and is healthy.',
  Progressing: 'A release is being applied or its rollout is awaited.',
  WaitingForFirstTag: 'The repository holds no tag yet that counts as a release.',
  RepositoryNotFound: 'The registry knows no repository of that name yet.',
  RegistryNotAllowed: 'The image names a registry that is not in WINDLASS_REGISTRIES; no token was asked for.',
  RegistryUnauthorized: 'The registry refused our identity (401).',
  RegistryForbidden: 'Our identity has no right to read this repository (403).',
  RegistryThrottled: 'The registry asked us to slow down (429); the poll waits as long as it said.',
  RegistryUnavailable: 'The registry could not be reached or answered with an error; nothing was decided.',
  RegistryInvalidAnswer: 'The registry answered with something that is not what its API promises; nothing was decided.',
  TooManyTags: 'More than 500 matching tags are newer than the last known one; nothing is decided until a pin.',
  TagMoved: 'A SHA tag was moved to another digest; that is reported, never deployed.',
  SequenceMissing: 'The running release has a sequence and the candidate has none, so their order is unknown.',
  ImageInvalid: 'The tag does not name an image manifest or an image index that can be run.',
  BundlePending: 'The image has no manifests attached yet; they are awaited for two minutes.',
  BundleMissing: 'No manifests were attached to the image in time.',
  BundleAmbiguous: 'More than one bundle of this revision is attached to the image.',
  BundleInvalid: 'The bundle or its content is not what it must be; the message names the object.',
  KindNotSupported: 'The bundle holds an object of a kind that a release may not hold.',
  ImageNotInManifests: 'No container in the bundle uses the repository of spec.image, so nothing would be deployed.',
  PinNotFound: 'The annotation windlass.dev/pin names no image that the registry knows.',
  SpecInvalid: 'The Delivery itself is not valid; the message names the field.',
  SelfManaged: 'The Delivery would manage the reconciler itself.',
  Applying: 'The objects of the release are being written.',
  ApplyRefused: 'The API server refused an object of the release; the message names it.',
  FieldConflict:
    'A field is held by another apply manager, which is never forced; the message names manager and field.',
  NotOurs: 'An object of the release exists already and belongs to nobody or to another tool; it is not taken over.',
  OwnedByAnother: 'An object of the release belongs to another Delivery.',
  Impersonation:
    'The reconciler may not act as the service account, or that account may not do what the release needs.',
  ServiceAccountNotFound: 'The service account that the Delivery names does not exist.',
  RolloutProgressing: 'The workloads of the release are not all ready yet.',
  RolloutTimeout: 'The workloads of the release were not ready before the deadline.',
  RolloutFailed: 'A workload of the release reports that it failed.',
  ImageNotFound: 'The registry has no image under the digest that the pods ask for, or none for their platform.',
  ImageNameInvalid: 'A container names an image by what is no image reference.',
  ConfigError: 'A container is configured so that it can never start; the message says what is wrong.',
  CrashLooping: 'A container of the release was started anew three times, and its pod is not ready.',
  OutOfMemory: 'A container of the release was killed again and again for want of memory.',
  OutOfStorage: 'A pod of the release was put out because it wrote more than its own limits allow.',
  PodRefused: 'The rules of the Namespace forbid the pods of the release.',
  ImagePullFailed: 'A node could not pull an image: no right to, throttled, or no answer from the registry.',
  ConfigMissing: 'The pods need an object that no release brings, or a key that it lacks.',
  QuotaExceeded: 'The quota of the Namespace leaves no room for the pods of the release.',
  Unschedulable: 'No node takes a pod of the release.',
  NodeLost: 'A pod of the release is on a node that does not answer.',
  PodEvicted: 'A node put out a pod of the release, or did not let it in.',
  PodNotStarted: 'A pod of the release could not be made, or its node could not prepare it.',
  OldPodsFailing: 'New pods fail, and so do those of the release before: the cause is not the release.',
  Superseded: 'A newer release came while this one was being rolled out.',
  ApiUnavailable: 'The API server could not be reached or answered with an error.',
  ApiForbidden: 'The API server refused the reconciler itself: its own credentials or rights are not in order.',
  ApiConflict: 'Another write came first; what was read is read again.',
  LeaseLost: 'This replica is no longer the leader.',
  ShuttingDown: 'The process is ending.',
  DriftCorrected: 'A field of ours that another hand changed was taken back.',
  DriftDetected: 'A field of ours was changed by another hand, and drift is only reported.',
  DriftContested:
    'Another hand undid five corrections of one object within ten minutes; it is left until the next release.',
  Applied: 'All objects of the release were written.',
  Deleting: 'The Delivery is being deleted; what it delivered stays or goes, as spec.deletionPolicy says.',
  Deleted: 'What the Delivery had delivered was deleted with it.',
  Orphaned: 'The Delivery is gone, and what it had delivered, or some of it, was left; the message says why.',
  Paused: 'An operator paused this Delivery; the message says who, why and until when.',
  NotPaused: 'No annotation pauses this Delivery.',
  InternalError: 'A bug: something escaped that no adapter translated.',
} as const satisfies Record<string, string>

export type Reason = keyof typeof reasons

/** Whether a text, as status may hold it, is a reason of this version. */
export function isReason(text: string | undefined): text is Reason {
  return text !== undefined && Object.hasOwn(reasons, text)
}
