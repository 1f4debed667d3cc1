import { preflight } from './preflight/preflight.ts'
import { githubSettings } from './github/settings.ts'
import { credentials } from './steps/credentials.ts'
import { delivery } from './steps/delivery.ts'
import { doctor } from './steps/doctor.ts'
import { image } from './steps/image.ts'
import { ingress } from './steps/ingress.ts'
import { monitoring } from './steps/monitoring.ts'
import { providers } from './steps/providers.ts'
import { reconciler } from './steps/reconciler.ts'
import { state } from './steps/state.ts'
import type { AzureStep } from './step.ts'
import { stackStep } from './terraform/stack.ts'

/** What is done on Azure itself. */
export const cloudSteps: readonly AzureStep[] = [
  preflight,
  providers,
  state,
  stackStep('base', "Stack base: resource groups and the pipeline's identities"),
  stackStep('platform', 'Stack platform: network, registry, events, workspaces'),
  stackStep('cluster', 'Stack cluster: AKS, who acts for it, and what collects from it (a quarter of an hour)'),
  // Before the cluster's part: the reconciler's image is released by CI, which needs them.
  githubSettings,
]

/** What is done in the cluster, by the code that the local platform is made of. */
export const clusterSteps: readonly AzureStep[] = [
  credentials,
  ingress,
  image,
  reconciler,
  monitoring,
  delivery,
  doctor,
]

/** From an empty subscription to a cluster that pulls its releases. */
export const bootstrapSteps: readonly AzureStep[] = [...cloudSteps, ...clusterSteps]
